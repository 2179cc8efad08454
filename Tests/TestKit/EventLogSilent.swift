import Logging
package import Shell

extension EventLog {
    /// A log that discards all events.
    package static let silent = EventLog(Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, format: .text)
}
