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
  InvalidArgumentsError,
  InvalidSendOptionsError,
  KeysUnsupportedError,
  PublishTimeoutError,
  TaskDefinitionError,
  TaskImportError,
  UnknownQueueError,
} from "./app/errors.ts";
export type { ConcurrencyOptions, KeyOfCall, UniqueOptions } from "./app/call-keys.ts";
export type { PreviewedRetry, RetryRules } from "./app/retry-rules.ts";
export type { Resource } from "./app/resource.ts";
export type { ErrorMatcher, RetryPolicy } from "./app/retry-policy.ts";
export type { RevokeOptions } from "./app/revoke.ts";
export type { PublishRetryPolicy, SendOptions } from "./app/send-options.ts";
export {
  AbandonedRunError,
  Ignore,
  MaxRetriesExceededError,
  Reject,
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
export { ResultBackendUnavailableError, UnreadableResultError } from "./backend/errors.ts";
export type { TaskMeta, TaskState } from "./backend/task-meta.ts";
export {
  BrokerUnavailableError,
  DeliveryLostError,
  MessageTooLargeError,
  TopologyMismatchError,
  UnroutableError,
} from "./broker/errors.ts";
export { Signature } from "./canvas/signature.ts";
export type { Audience } from "./control/command.ts";
export { ControlUnsupportedError } from "./control/errors.ts";
export type { AskOptions, RemoteControl } from "./control/remote-control.ts";
export type { CeleryEvent, EventFields, EventOf, EventType, OtherEvent } from "./events/event.ts";
export type { EventReceiver, EventReceiverOptions, ReceivedEvent } from "./events/event-receiver.ts";
export { EncodeError, UnreadableMessageError } from "./message/errors.ts";
export { Decimal, PlainDate, PlainDateTime, PlainTime, PreciseDate, Uuid } from "./message/python-values.ts";
export { AsyncResult, type GetOptions } from "./result/async-result.ts";
export { ResultTimeoutError, TaskFailedError, TaskRevokedError } from "./result/errors.ts";
export { InvalidRouteError } from "./routing/errors.ts";
export type { RouteEntry, RouteFunction, RouteMap, TaskRoute, TaskRoutes } from "./routing/task-router.ts";
export { CeleriacError } from "./util/errors.ts";
export type { LogFields, Logger } from "./util/logger.ts";
