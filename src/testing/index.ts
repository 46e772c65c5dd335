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
export { exerciseResultBackend, type ResultBackendExercise } from "./conformance/exercise-result-backend.ts";
export type { BrokerUnderTest } from "./conformance/broker/stage.ts";
export type { ResultPlace } from "./conformance/result-backend/stage.ts";
