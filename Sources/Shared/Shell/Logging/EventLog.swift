private import Glibc
package import Logging

/// The log of a program, for any thread.
package struct EventLog: Sendable {
    private let logger: Logger
    /// Cached: reading `logger.logLevel` copies the handler.
    private let level: Logger.Level
    private let format: LogFormat
    private let writer: LineWriter?
    private let limit: LineLimit?

    package init(_ logger: Logger, format: LogFormat) {
        self.init(logger, format: format, writer: nil, limit: nil)
    }

    private init(_ logger: Logger, format: LogFormat, writer: LineWriter?, limit: LineLimit?) {
        self.logger = logger
        level = logger.logLevel
        self.format = format
        self.writer = writer
        self.limit = limit
    }

    /// Makes a log to standard error, which leaves standard output to results.
    ///
    /// Lines are written by a separate thread; call ``flush()`` before the program ends.
    package static func standardError(level: Logger.Level, format: LogFormat) -> EventLog {
        let writer = LineWriter(fd: STDERR_FILENO) { LogEvent.linesLost($0).line(format) }
        var logger = Logger(label: "quiniela") { _ in LineHandler(format: format, writer: writer) }
        logger.logLevel = level
        return EventLog(logger, format: format, writer: writer, limit: LineLimit())
    }

    /// Waits until every logged line is written, at most 200 ms if nothing reads the log.
    package func flush() {
        tellSuppressed()
        writer?.flush(until: .now + .milliseconds(200))
    }

    /// The lines that could not be written, since the start.
    package var lostLines: Int { writer?.lostLines ?? 0 }

    /// Whether success events pass the level, for callers that would make one for each chunk.
    package var writesSuccess: Bool { level <= .info }

    package func callAsFunction(_ event: LogEvent) {
        guard level <= event.level else { return }
        guard let limit else {
            write(event)
            return
        }
        for event in event.isRepeatable ? limit.admit(event) : limit.takeSuppressed(until: .now) + [event] {
            write(event)
        }
    }

    /// Logs the remaining counts of suppressed lines, before the last line.
    package func tellSuppressed() {
        for event in limit?.takeSuppressed() ?? [] { write(event) }
    }

    private func write(_ event: LogEvent) {
        guard level <= event.level else { return }
        switch format {
        case .text: logger.log(level: event.level, "\(event.text)")
        case .json: logger.log(level: event.level, "\(event.json(time: LogTime.now.rfc3339))")
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
        let isText = format == .text
        writer.append(isText ? LogEvent.textLine(event.level, "\(event.message)") : "\(event.message)\n")
    }
}
