private import Glibc
package import Logging

/// Where a program logs its ``LogEvent``s.
///
/// Any thread.
package struct EventLog: Sendable {
    private let logger: Logger
    /// The logger's: asking it costs a copy of its handler.
    private let level: Logger.Level
    private let format: LogFormat
    private let writer: LineWriter?

    package init(_ logger: Logger, format: LogFormat) {
        self.init(logger, format: format, writer: nil)
    }

    private init(_ logger: Logger, format: LogFormat, writer: LineWriter?) {
        self.logger = logger
        level = logger.logLevel
        self.format = format
        self.writer = writer
    }

    /// A log to standard error, which leaves standard output to results.
    ///
    /// Lines are written by a thread of their own; ``flush()`` before the end of the program.
    package static func standardError(level: Logger.Level, format: LogFormat) -> EventLog {
        let writer = LineWriter(fd: STDERR_FILENO)
        var logger = Logger(label: "quiniela") { _ in LineHandler(format: format, writer: writer) }
        logger.logLevel = level
        return EventLog(logger, format: format, writer: writer)
    }

    /// Lets every line that was logged be written.
    ///
    /// Blocks up to 200 ms, where nobody reads the log.
    package func flush() {
        writer?.flush(until: .now + .milliseconds(200))
    }

    /// Whether what goes well is written: for callers that would make an event for each chunk.
    package var writesSuccess: Bool { level <= .info }

    package func callAsFunction(_ event: LogEvent) {
        guard level <= event.level else { return }
        switch format {
        case .text: logger.log(level: event.level, "\(event.text)")
        case .json:
            logger.log(level: event.level, "\(event.json(time: localTime("%Y-%m-%dT%H:%M:%S%z")))")
        }
    }
}

private struct LineHandler: LogHandler {
    let format: LogFormat
    let writer: LineWriter
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(format: LogFormat, writer: LineWriter) {
        self.format = format
        self.writer = writer
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: Logging.LogEvent) {
        guard format == .text else {
            writer.append("\(event.message)\n")
            return
        }
        let name = event.level.courseName
        let padding = String(repeating: " ", count: 8 - name.utf8.count)
        writer.append("\(localTime("%Y-%m-%d %H:%M:%S")) \(name)\(padding) \(event.message)\n")
    }
}
