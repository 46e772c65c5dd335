import type { TaskRequest } from "../message/task-request.ts";
import type { Route } from "../routing/topology.ts";

/** A request with the way that its message takes. */
export interface RoutedRequest {
  readonly request: TaskRequest;
  readonly route: Route;
}
