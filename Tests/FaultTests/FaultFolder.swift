import Foundation
import Ledger
import TestKit
import Testing

/// A data folder on which bet-ingest runs, with or without a fault.
final class FaultFolder {
    static let ledger = "data/draws/default/bets.ledger"

    private let folder: TemporaryFolder
    /// A folder on another disk, used instead of a temporary one.
    private let mount: String?
    private let traces: TemporaryFolder

    var path: String { mount ?? folder.path }
    var data: String { path + "/data" }

    init(mount: String? = nil) throws {
        folder = try TemporaryFolder()
        traces = try TemporaryFolder()
        self.mount = mount
    }

    /// Creates a copy of another folder's data, if it has any.
    init(copying other: FaultFolder) throws {
        folder = try TemporaryFolder()
        traces = try TemporaryFolder()
        mount = nil
        // A killed service leaves its control socket, which cannot be copied.
        try? FileManager.default.removeItem(atPath: other.data + "/control")
        if FileManager.default.fileExists(atPath: other.data) {
            try FileManager.default.copyItem(atPath: other.data, toPath: data)
        }
    }

    /// Starts the service with traced calls.
    func serve(_ fault: Fault? = nil, exitsAfterDraw: Bool = true) throws -> TestProgram {
        try #require(
            FileManager.default.fileExists(atPath: TestProgram.faultShim), "\(TestProgram.faultShim) was not built")
        try? FileManager.default.removeItem(atPath: traces.path + "/trace")
        var environment = fault?.environment ?? [:]
        environment["LD_PRELOAD"] = TestProgram.faultShim
        environment["FAULT_SHIM_FOLDER"] = path
        environment["FAULT_SHIM_TRACE"] = traces.path + "/trace"
        return try TestProgram.start(
            .ingest, data: data, agencies: 2, arguments: exitsAfterDraw ? ["--exit-after-draw"] : [],
            environment: environment, in: "/")
    }

    /// Returns the calls of the last run, and the one that failed.
    func calls() throws -> (all: [TracedCall], failed: TracedCall?) {
        let text = try String(contentsOfFile: traces.path + "/trace", encoding: .utf8)
        var failed: TracedCall?
        let all = text.split(separator: "\n").compactMap { line -> TracedCall? in
            guard line.hasPrefix("! ") else { return TracedCall(line) }
            failed = TracedCall(line.dropFirst(2))
            return failed
        }
        return (all, failed)
    }

    /// Runs a subcommand on the folder.
    func command(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
        let program = try TestProgram(
            "bet-ingest", arguments + ["--data", data, "--set", "agencies=2"], in: "/")
        let code = try program.waitForExit()
        return (code, program.standardOutput, program.log)
    }

    /// Checks a finished draw: ledger and result verify, the export matches the sent bets, the winners are right.
    func checkDraw(_ name: String) throws {
        let verified = try command(["verify"])
        #expect(verified.code == 0, "\(name): \(verified.errors)")
        #expect(verified.output.contains("drawn again from the ledger with the same outcome"), "\(name)")
        let exported = try command(["export"])
        #expect(exported.code == 0, "\(name): \(exported.errors)")
        let rows = exported.output.split(whereSeparator: \.isNewline).map(String.init).sorted()
        #expect(rows == PatientAgencies.rows, "\(name)")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: data + "/draws/default/result.json"))
        let result = try DrawResult(fileBytes: Array(bytes))
        #expect(result.agencies?.map(\.winners) == PatientAgencies.winners, "\(name)")
        #expect(result.bets == UInt64(PatientAgencies.rows.count), "\(name)")
    }
}
