private import Logging
package import Platform

extension LogEvent {
    /// The first line of a run.
    package static func started(program: String) -> LogEvent {
        LogEvent(
            "start", "success", [("program", .text(program)), ("version", .text(ProgramVersion.text))])
    }

    /// A setting is not used.
    package static func configurationWarning(_ reason: String) -> LogEvent {
        LogEvent("config", "fail", [("error", .text(reason))], level: .warning)
    }

    /// The machine allows less than the configuration asks for.
    package static func clamped(key: String, from: Int, to: Int) -> LogEvent {
        LogEvent(
            "config", "fail",
            [
                ("key", .text(key)), ("value", .number(from)), ("used", .number(to)),
                ("error", .text("the limit on open files allows no more; see ulimit -n")),
            ], level: .warning)
    }

    /// The data folder is on a file system in memory.
    package static func volatileFolder(path: String, fileSystem: FileSystemType) -> LogEvent {
        LogEvent(
            "check_data_folder", "fail",
            [
                ("path", .text(path)), ("file_system", .text(fileSystem.description)),
                ("error", .text("files here survive neither a power cut nor a restart of the machine")),
            ], level: .warning)
    }

    /// Accepting failed; connections wait in the kernel, and the service retries once a second.
    package static func acceptFailed(port: String, reason: String) -> LogEvent {
        LogEvent(
            "accept_connections", "fail", [("port", .text(port)), ("error", .text(reason))], level: .warning,
            isRepeatable: true)
    }

    static func linesSuppressed(_ count: Int, action: String, result: String) -> LogEvent {
        LogEvent(
            "log", "fail",
            [("suppressed_lines", .number(count)), ("of", .text("\(action) \(result)"))], level: .warning)
    }

    static func linesLost(_ count: Int) -> LogEvent {
        LogEvent("log", "fail", [("lost_lines", .number(count))], level: .warning)
    }
}
