import Foundation
import Platform

/// A bash script with the three programs as commands, for tests that need a shell: redirections, closed descriptors,
/// pipes, limits.
package struct ShellScript: CustomStringConvertible {
    package let code: Int32
    package let output: String
    package let errors: String

    package var description: String { "exit code \(code)\n\(output)\n\(errors)" }

    /// Runs a script to its end.
    ///
    /// - Parameters:
    ///   - environment: variables to add; those of Quiniela are not inherited.
    ///   - seconds: the time after which the script is killed; its code is then that of SIGKILL.
    package init(
        _ script: String, in folder: TemporaryFolder, environment: [String: String] = [:], seconds: Int = 60
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["--kill-after=1", "\(seconds)", "/bin/bash", "-c", script]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("QUINIELA_") }
        variables["PATH"] = TestProgram.folder + ":" + (variables["PATH"] ?? "/usr/bin:/bin")
        variables["SHIM"] = TestProgram.faultShim
        variables.merge(environment) { $1 }
        process.environment = variables
        process.standardInput = FileHandle.nullDevice
        // Files instead of pipes: a process that outlives the script would keep a pipe open.
        let (output, errors) = (folder.path + "/.script.out", folder.path + "/.script.err")
        for path in [output, errors] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        let ended = Monitor(false)
        process.terminationHandler = { _ in
            ended.withLock { $0 = true }
            ended.wakeAll()
        }
        try process.run()
        _ = ended.wait { $0 ? true : nil }
        code = process.terminationStatus
        self.output = String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
        self.errors = String(decoding: FileManager.default.contents(atPath: errors) ?? Data(), as: UTF8.self)
    }
}
