import Domain
import Foundation
import Glibc
import Platform
import TestKit
import Testing
import WireProtocol

/// The two services on one data folder, as real processes on free ports.
final class Services {
    let folder: TemporaryFolder
    /// Nil with a roster.
    let agencies: Int?
    private let settings: [String]
    private(set) var ingest: TestProgram
    private(set) var winners: TestProgram
    private(set) var ingestAddress: Endpoint
    private(set) var winnersAddress: Endpoint

    var data: String { folder.path + "/data" }
    var ledger: String { data + "/draws/default/bets.ledger" }

    init(agencies: Int?, settings: [String] = [], folder: TemporaryFolder? = nil, listen: String = "127.0.0.1:0")
        throws
    {
        self.folder = try folder ?? TemporaryFolder()
        let folder = self.folder
        self.agencies = agencies
        let data = folder.path + "/data"
        // Two event loops, even on machines with two cores.
        self.settings = ["ingest.loops=2"] + settings
        winners = try TestProgram.start(
            .winners, data: data, agencies: agencies, listen: listen, settings: self.settings, in: folder.path)
        ingest = try TestProgram.start(
            .ingest, data: data, agencies: agencies, listen: listen, settings: self.settings, in: folder.path)
        ingestAddress = try ingest.waitForAddress()
        winnersAddress = try winners.waitForAddress()
    }

    /// Starts the ingest service again on its previous port.
    func restartIngest() throws {
        ingest = try TestProgram.start(
            .ingest, data: data, agencies: agencies, listen: "\(ingestAddress)", settings: settings, in: folder.path)
        _ = try ingest.waitForAddress()
    }

    /// Stops the ingest service and starts it again.
    func restartIngestAfterStop() throws {
        ingest.signal(SIGTERM)
        _ = try ingest.waitForExit()
        try restartIngest()
    }

    func restartWinners() throws {
        winners = try TestProgram.start(
            .winners, data: data, agencies: agencies, listen: "\(winnersAddress)", settings: settings, in: folder.path)
        _ = try winners.waitForAddress()
    }

    /// Starts an agency on a file.
    func agency(_ id: Int, file: String, arguments: [String] = []) throws -> TestProgram {
        try TestProgram(
            "agency",
            ["--id", "\(id)", "--file", file, "--output", "json", "--set", "ingest.address=\(ingestAddress)"]
                + ["--set", "winners.address=\(winnersAddress)"] + arguments, in: folder.path)
    }

    /// Runs a subcommand of bet-ingest on the data folder.
    func command(_ name: String, _ arguments: [String] = []) throws -> (code: Int32, output: String, errors: String) {
        let program = try TestProgram(
            "bet-ingest", [name, "--data", data] + (agencies.map { ["--set", "agencies=\($0)"] } ?? []) + arguments,
            in: folder.path)
        let code = try program.waitForExit()
        return (code, program.standardOutput, program.log)
    }

    /// Connects, sends HELLO and receives WELCOME.
    ///
    /// - Parameter tunnel: where to connect instead of the service's own address.
    func join(_ agency: Int, through tunnel: Endpoint? = nil) throws -> (TestSocket, Welcome) {
        let socket = try TestSocket(tunnel ?? ingestAddress)
        try socket.send(.hello(Hello(agency: AgencyID(UInt32(agency)))))
        guard case .welcome(let welcome) = try socket.receiveMessage() else {
            throw TestProgram.Failure.deadline("WELCOME", log: ingest.log)
        }
        return (socket, welcome)
    }

    /// Asks for an agency's winners; parked until the draw or until the wait is over.
    func consult(_ agency: Int, waitMilliseconds: UInt32 = 30_000) throws -> Message {
        let socket = try TestSocket(winnersAddress)
        try socket.send(.hello(Hello(agency: AgencyID(UInt32(agency)))))
        try socket.send(.consultWinners(waitMilliseconds: waitMilliseconds))
        _ = try socket.receiveMessage()
        return try socket.receiveMessage()
    }

    /// Stops both services, and checks their exit codes and that the ledger verifies.
    func stop(_ location: SourceLocation = #_sourceLocation) throws {
        ingest.signal(SIGTERM)
        winners.signal(SIGTERM)
        #expect(try ingest.waitForExit() == 0, "\(ingest.log)", sourceLocation: location)
        #expect(try winners.waitForExit() == 0, "\(winners.log)", sourceLocation: location)
        let verified = try command("verify")
        #expect(verified.code == 0, "\(verified.errors)", sourceLocation: location)
    }

    /// Exports the bets and returns the rows, sorted.
    func exportedRows() throws -> [String] {
        let file = folder.path + "/export.csv"
        let (code, _, errors) = try command("export", ["--output", file])
        #expect(code == 0, "\(errors)")
        return Self.rows(try Data(contentsOf: URL(fileURLWithPath: file)))
    }

    /// Reads the rows of agency files, each prefixed with its agency, sorted.
    static func inputRows(_ files: [String]) throws -> [String] {
        try files.enumerated().flatMap { index, file in
            rows(try Data(contentsOf: URL(fileURLWithPath: file))).map { "\(index + 1),\($0)" }
        }.sorted()
    }

    private static func rows(_ bytes: Data) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init).sorted()
    }
}

/// The output of an agency with `--output json`.
struct AgencyOutput: Decodable {
    var agency: Int
    var bets: Int
    var invalidLines: Int?
    var rejectedBets: Int
    var winningNumber: Int
    var winners: [String]

    init(_ program: TestProgram) throws {
        self = try JSONDecoder().decode(AgencyOutput.self, from: Data(program.standardOutput.utf8))
    }
}
