private import Glibc
package import Logging

/// Where a program logs its ``LogEvent``s.
///
/// Any thread.
package struct EventLog: Sendable {
    private let logger: Logger
    private let format: LogFormat

    package init(_ logger: Logger, format: LogFormat) {
        self.logger = logger
        self.format = format
    }

    /// A log to standard error, which leaves standard output to results.
    ///
    /// Each line is one write(2): lines of several processes do not mix and none is lost at exit.
    package static func standardError(level: Logger.Level, format: LogFormat) -> EventLog {
        var logger = Logger(label: "quiniela") { _ in StandardErrorHandler(format: format) }
        logger.logLevel = level
        return EventLog(logger, format: format)
    }

    package func callAsFunction(_ event: LogEvent) {
        guard logger.logLevel <= event.level else { return }
        switch format {
        case .text: logger.log(level: event.level, "\(event.text)")
        case .json:
            logger.log(level: event.level, "\(event.json(time: localTime("%Y-%m-%dT%H:%M:%S%z")))")
        }
    }
}

private struct StandardErrorHandler: LogHandler {
    let format: LogFormat
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(format: LogFormat) {
        self.format = format
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: Logging.LogEvent) {
        var line = "\(event.message)\n"
        if format == .text {
            let name = event.level.courseName
            let padding = String(repeating: " ", count: 8 - name.utf8.count)
            line = "\(localTime("%Y-%m-%d %H:%M:%S")) \(name)\(padding) \(line)"
        }
        line.withUTF8 { bytes in
            _ = SystemCall.retryingInterrupted { write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
        }
    }
}
