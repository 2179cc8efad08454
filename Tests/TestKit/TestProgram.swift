import Foundation
package import Platform

/// One of the three programs as a child process.
///
/// A thread collects its log lines; tests wait for them with a deadline.
///
/// Isolation: any thread.
package final class TestProgram: Sendable {
    private struct Output {
        var lines: [String] = []
        var exitCode: Int32?
        var openPipes = 2
    }

    package enum Failure: Error, CustomStringConvertible {
        case deadline(String, log: String)

        package var description: String {
            switch self {
            case .deadline(let what, let log): "\(what) did not happen in time; the log:\n\(log)"
            }
        }
    }

    package let processID: Int32
    private let output = Monitor(Output())
    private let errors = Monitor(Log())

    private struct Log {
        var lines: [String] = []
        var isRead = true
    }

    /// The folder of the built programs: that of the test bundle, or PROGRAMS=FOLDER.
    package static let folder: String = {
        if let folder = ProcessInfo.processInfo.environment["PROGRAMS"] { return folder }
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().path
    }()

    /// The library that tests load into a program with LD_PRELOAD (Tests/CFaultShim).
    package static let faultShim = folder + "/libFaultShim.so"

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - name: one of the three programs, or the absolute path of another.
    ///   - environment: variables to add; those of Quiniela are not inherited.
    ///   - folder: the working folder, without a config.yaml unless the test writes one.
    package init(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], in folder: String
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: name.hasPrefix("/") ? name : Self.folder + "/" + name)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("QUINIELA_") }
        variables.merge(environment) { $1 }
        process.environment = variables
        let (out, log) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = log
        process.standardInput = FileHandle.nullDevice
        let (output, errors) = (output, errors)
        process.terminationHandler = { ended in
            let code =
                ended.terminationReason == .exit ? ended.terminationStatus : -ended.terminationStatus
            output.withLock { $0.exitCode = code }
            output.wakeAll()
        }
        try process.run()
        processID = process.processIdentifier
        Self.collect(log.fileHandleForReading) { line in
            errors.withLock { if let line { $0.lines.append(line) } }
            errors.wakeAll()
            // After stopReadingLog() this thread blocks here permanently.
            _ = errors.wait { $0.isRead || line == nil ? true : nil }
            if line == nil {
                output.withLock { $0.openPipes -= 1 }
                output.wakeAll()
            }
        }
        Self.collect(out.fileHandleForReading) { line in
            output.withLock { output in
                if let line { output.lines.append(line) } else { output.openPipes -= 1 }
            }
            output.wakeAll()
        }
    }

    deinit {
        if output.withLock({ $0.exitCode }) == nil { kill(processID, SIGKILL) }
    }

    /// Waits for a line of the log that contains a text.
    ///
    /// - Parameter ends: texts of lines that also end the wait, because the awaited line cannot follow them.
    @discardableResult
    package func waitForLog(
        _ text: String, count: Int = 1, orAny ends: [String] = [], seconds: Int = 60
    ) throws -> String {
        let line = errors.wait(until: .now + .seconds(seconds)) { log -> String? in
            let matches = log.lines.filter { $0.contains(text) }
            if matches.count >= count { return matches[count - 1] }
            return ends.isEmpty ? nil : log.lines.first { line in ends.contains { line.contains($0) } }
        }
        guard let line else { throw Failure.deadline("a log line with \"\(text)\"", log: log) }
        return line
    }

    /// The process's resident memory.
    package var residentBytes: Int { bytes(of: "VmRSS:") }

    /// The largest resident memory that the process has had.
    package var peakResidentBytes: Int { bytes(of: "VmHWM:") }

    private func bytes(of field: String) -> Int {
        // Neither mapped nor cached: the kernel generates the file for each read.
        let text = (try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix(field) {
            return (Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0) << 10
        }
        return 0
    }

    /// Waits for the end of the process and of its output.
    ///
    /// - Returns: the exit code; the negative number of the signal if one ended the process.
    package func waitForExit(seconds: Int = 60) throws -> Int32 {
        let code = output.wait(until: .now + .seconds(seconds)) { output in
            output.openPipes == 0 ? output.exitCode : nil
        }
        guard let code else { throw Failure.deadline("the end of process \(processID)", log: log) }
        return code
    }

    /// Waits for the end of the process, whether or not its output has been read.
    package func waitForEnd(seconds: Int) throws -> Int32 {
        guard let code = output.wait(until: .now + .seconds(seconds), for: { $0.exitCode }) else {
            throw Failure.deadline("the end of process \(processID)", log: log)
        }
        return code
    }

    /// Stops reading the log, so that the process's pipe fills.
    package func stopReadingLog() {
        errors.withLock { $0.isRead = false }
    }

    package func signal(_ number: Int32) {
        kill(processID, number)
    }

    /// Waits for the address of a service, or of one of its ports, in its log.
    package func waitForAddress(port: String = "") throws -> Endpoint {
        let line = try waitForLog("accept_connections | result: in_progress | port: \(port.isEmpty ? "" : port + " |")")
        let text = line.split(separator: " ").last.map(String.init) ?? ""
        guard let endpoint = Endpoint(text) else { throw Failure.deadline("an address", log: line) }
        return endpoint
    }

    package var log: String { errors.withLock { $0.lines.joined(separator: "\n") } }
    package var standardOutput: String { output.withLock { $0.lines.joined(separator: "\n") } }

    /// Reads lines on a separate thread and passes them to `take`; nil is the end.
    private static func collect(_ handle: FileHandle, _ take: @escaping @Sendable (String?) -> Void) {
        let fd = handle.fileDescriptor
        NamedThread("collect") {
            var rest: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(fd, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                rest += buffer[..<count]
                while let end = rest.firstIndex(of: 10) {
                    take(String(decoding: rest[..<end], as: UTF8.self))
                    rest.removeSubrange(...end)
                }
            }
            if !rest.isEmpty { take(String(decoding: rest, as: UTF8.self)) }
            take(nil)
            // Foundation's Process is never deallocated, nor are its pipes.
            try? handle.close()
        }.detach()
    }
}
