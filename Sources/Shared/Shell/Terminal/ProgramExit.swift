package import ArgumentParser
import Ledger
package import Logging
import Storage

/// The exit codes of the programs, as in sysexits.h.
package enum ProgramExit: Int32, Sendable {
    case done = 0
    /// 64: the command line, as in ArgumentParser.
    case usage = 64
    /// 65: rows were rejected, or a ledger or result is damaged or invalid.
    case data = 65
    /// 70: the program or the machine failed.
    case `internal` = 70
    /// 75: the other side did not answer in time; retrying later is safe.
    case tryLater = 75
    /// 78: the configuration.
    case configuration = 78

    package var code: ExitCode { ExitCode(rawValue) }

    /// Runs a command; an error becomes a message on standard error and an exit code.
    package static func run(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let code as ExitCode {
            throw code
        } catch {
            writeError("Error: \(error)")
            throw ProgramExit(for: error).code
        }
    }

    /// Chooses an error's code.
    package init(for error: any Error) {
        switch error {
        case is ConfigurationError: self = .configuration
        case FileLockError.held, LedgerError.inUse: self = .tryLater
        case LedgerError.damaged, LedgerError.badHeader, LedgerError.unknownKind, is DrawResultError,
            is DrawDocumentError:
            self = .data
        case is OutputError, is ValidationError: self = .usage
        case let error as any ProgramError: self = error.exit
        default: self = .internal
        }
    }
}

/// An error that determines its exit code.
package protocol ProgramError: Error {
    var exit: ProgramExit { get }
}

extension EventLog {
    /// Starts a log to standard error with its first lines; `level` overrides the configured level.
    package static func start(
        program: String, _ configuration: ServiceConfiguration, level: Logger.Level? = nil
    ) -> EventLog {
        let log = EventLog.standardError(
            level: level ?? configuration.logLevel, format: configuration.logFormat)
        log(.started(program: program))
        for warning in configuration.warnings { log(.configurationWarning(warning)) }
        return log
    }

    /// Runs a service and logs its end; an error is logged and rethrown as its exit code.
    package func bracketing(_ body: () throws -> Void) throws {
        defer { flush() }
        do {
            try body()
            end(0)
        } catch let code as ExitCode {
            end(code.rawValue)  // its reason was logged
            throw code
        } catch {
            let exit = ProgramExit(for: error)
            // A line for each fault: a line break would be escaped.
            for fault in (error as? ConfigurationError)?.faults ?? ["\(error)"] { self(.failed(fault)) }
            end(exit.rawValue)
            throw exit.code
        }
    }

    private func end(_ code: Int32) {
        tellSuppressed()
        self(.exit(code: code))
    }
}
