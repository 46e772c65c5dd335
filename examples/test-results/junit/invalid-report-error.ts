/** What was uploaded is not a test report that can be imported; the message tells the one who sent it why. */
export class InvalidReportError extends Error {
  override readonly name: string = "InvalidReportError";
}

/** Well-formed so far, but the root element is no JUnit report's: some other XML. */
export class NotAReportError extends InvalidReportError {
  override readonly name = "NotAReportError";
}
