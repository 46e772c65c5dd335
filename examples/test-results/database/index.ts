export { DatabaseUnavailableError, type Database } from "./database.ts";
export { databaseAt, waitForDatabase } from "./open-database.ts";
export { inTransaction, Transaction } from "./transaction.ts";
