export type { ExpectedCall } from "./app/assert-sent.ts";
export type { DrainOptions } from "./app/drain.ts";
export type { Performed } from "./app/perform.ts";
export type { Run, RunState } from "./app/run-ledger.ts";
export type { SentCall } from "./app/sent-calls.ts";
export { openTestApp, type TestApp, type TestAppOptions } from "./app/test-app.ts";
export type { Faults, FaultTarget } from "./faults/faults.ts";
export { FakeClock } from "./fake-clock.ts";
export { StallableClock } from "./stallable-clock.ts";
export type { Case, Skip, TestFunction } from "./conformance/cases.ts";
export {
  exerciseBroadcaster,
  type BroadcasterExercise,
  type BroadcasterUnderTest,
} from "./conformance/exercise-broadcaster.ts";
export { exerciseBroker, type BrokerExercise } from "./conformance/exercise-broker.ts";
export { exerciseKeyStore, type KeyPlace, type KeyStoreExercise } from "./conformance/exercise-key-store.ts";
export { exercisePool, type PoolExercise } from "./conformance/exercise-pool.ts";
export { exerciseResultBackend, type ResultBackendExercise } from "./conformance/exercise-result-backend.ts";
export type { BrokerUnderTest } from "./conformance/broker/stage.ts";
export type { PoolWanted } from "./conformance/pool/stage.ts";
export type { ResultPlace } from "./conformance/result-backend/stage.ts";
