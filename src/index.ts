export { Celeriac, type AppSurroundings } from "./app/celeriac.ts";
export type {
  BrokerTransportOptions,
  CeleriacConfig,
  PoolName,
  ResolvedConfig,
  ResultBackendTransportOptions,
} from "./app/config.ts";
export { ConfigError } from "./app/config-error.ts";
export {
  AppClosedError,
  CanvasLostError,
  CanvasTooLargeError,
  InvalidArgumentsError,
  InvalidSendOptionsError,
  KeysUnsupportedError,
  PublishTimeoutError,
  TaskDefinitionError,
  TaskImportError,
  UnknownQueueError,
} from "./app/errors.ts";
export type { ConcurrencyOptions, KeyOfCall, UniqueOptions } from "./app/call-keys.ts";
export type { Rate, RateLimitOptions, RateLimitScope } from "./app/rate-limit.ts";
export type { PreviewedRetry, RetryRules } from "./app/retry-rules.ts";
export type { Resource } from "./app/resource.ts";
export type { ErrorMatcher, RetryPolicy } from "./app/retry-policy.ts";
export type { PauseOptions, QueuePause } from "./app/queue-pauses.ts";
export type { RevokeOptions } from "./app/revocation-claims.ts";
export type { StampedHeaders } from "./app/revoked-stamps.ts";
export type { FollowUp, PublishOptions, PublishRetryPolicy, SendOptions } from "./app/send-options.ts";
export {
  AbandonedRunError,
  Ignore,
  MaxRetriesExceededError,
  BadReplacementError,
  NotInChordError,
  Reject,
  Replace,
  Retry,
  SoftTimeLimitExceededError,
  type RetryOptions,
} from "./app/steering.ts";
export { currentTask, type TaskContext } from "./app/task-context.ts";
export type { ArgumentSpec, TaskOptions } from "./app/task-options.ts";
export type { Call, KeywordTask, Task } from "./app/task.ts";
export type { Adapter } from "./adapters/adapter.ts";
export { MissingDriverError } from "./adapters/missing-driver-error.ts";
export type { DeadLetter, DeadLetterReason, DeliveryNote } from "./broker/broker.ts";
export type { PythonForm } from "./backend/python-form.ts";
export { ResultBackendUnavailableError, UnreadableResultError } from "./backend/errors.ts";
export type { TaskMeta, TaskState } from "./backend/task-meta.ts";
export {
  BrokerUnavailableError,
  DeliveryLostError,
  MessageTooLargeError,
  TopologyMismatchError,
  UnroutableError,
} from "./broker/errors.ts";
export { Canvas, type CanvasCall, type CloneOptions } from "./canvas/canvas.ts";
export { chain, Chain } from "./canvas/chain.ts";
export { chord, Chord } from "./canvas/chord.ts";
export { CanvasError } from "./canvas/errors.ts";
export { canvasFromDict } from "./canvas/from-dict.ts";
export { group, Group } from "./canvas/group.ts";
export { chunks, starmap, xmap } from "./canvas/maps.ts";
export type { Sender } from "./canvas/sender.ts";
export { Signature } from "./canvas/signature.ts";
export type { StampingVisitor, StampOptions } from "./canvas/stamping.ts";
export type { Stamps } from "./canvas/stamps.ts";
export type { AnyCanvas, DoesNotTake, ResultOf, SentOf, TakesOf } from "./canvas/takes.ts";
export type { Audience } from "./control/command.ts";
export { ControlTimeoutError, ControlUnsupportedError } from "./control/errors.ts";
export type { AskOptions, RemoteControl } from "./control/remote-control.ts";
export type { Cluster } from "./events/cluster/cluster.ts";
export type { ClusterOptions, ClusterState, TaskTotals } from "./events/cluster/cluster-state.ts";
export type { TaskInfo } from "./events/cluster/task-record.ts";
export type { TaskCounts, TaskFilter } from "./events/cluster/task-table.ts";
export type { WorkerInfo, WorkerState } from "./events/cluster/worker-record.ts";
export type { CeleryEvent, EventFields, EventOf, EventType, OtherEvent } from "./events/event.ts";
export type { EventReceiver, EventReceiverOptions, ReceivedEvent } from "./events/event-receiver.ts";
export { EncodeError, UnreadableMessageError } from "./message/errors.ts";
export { Decimal, PlainDate, PlainDateTime, PlainTime, PreciseDate, Uuid } from "./message/python-values.ts";
export { AsyncResult } from "./result/async-result.ts";
export type { CanvasResult, GetOptions } from "./result/canvas-result.ts";
export { ResultTimeoutError, TaskFailedError, TaskRevokedError } from "./result/errors.ts";
export {
  GroupResult,
  type GroupProgress,
  type JoinOptions,
  type MemberOutcome,
  type MemberResult,
  type Settled,
} from "./result/group-result.ts";
export { InvalidRouteError } from "./routing/errors.ts";
export type { RouteEntry, RouteFunction, RouteMap, TaskRoute, TaskRoutes } from "./routing/task-router.ts";
export { CeleriacError } from "./util/errors.ts";
export type { LogFields, Logger } from "./util/logger.ts";
