import Foundation
import NIOConcurrencyHelpers
import Platform
import TestKit
import Testing

/// Existing agency programs, written from the description of their bytes alone, against the two services.
@Suite(.serialized)
struct DialectDrawTests {
    /// An existing agency program.
    enum Program: String, CaseIterable, Sendable {
        case semicolon, lines, oldLines, tlv, json, pipe, oldPipe
    }

    private static let sample = (1...5).map { Repository.root + "/data/agency-\($0).csv" }
    private static let real = (1...5).map { "\(Repository.dataset ?? "")/agency-\($0).csv" }

    private func agency(_ program: Program, _ id: Int, _ ports: DialectPorts) -> any DialectAgency {
        let ingest = ports.services.ingest
        // These programs sleep between attempts; here they wait for the draw.
        let pause: @Sendable () throws -> Void = { try ingest.waitForLog("action: publish", seconds: 120) }
        return switch program {
        case .semicolon: SemicolonAgency(id: id, service: ports["semicolon"])
        case .lines: LinesAgency(id: id, service: ports["lines"])
        case .oldLines: OldLinesAgency(id: id, service: ports["lines"], pause: pause)
        case .tlv: TLVAgency(id: id, service: ports["tlv"], pause: pause)
        case .json: JSONAgency(id: id, ingest: ports["json"], winners: ports["jsonWinners"])
        case .pipe: PipeAgency(id: id, service: ports["pipe"])
        // Programs that name no agency in their END have an address each, as in production.
        case .oldPipe: OldPipeAgency(id: id, service: ports["pipe"], source: "127.0.0.\(id + 1)", pause: pause)
        }
    }

    private static func rows(_ file: String) throws -> [[String]] {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self)
            .split(separator: "\r\n").map { $0.split(separator: ",").map(String.init) }
    }

    /// Runs agencies in parallel.
    ///
    /// - Returns: the number of winners that each received.
    private func run(_ agencies: [any DialectAgency], _ files: [String], chunkBets: Int) throws -> [Int] {
        let results = NIOLockedValueBox<[Result<[String], any Error>?]>(Array(repeating: nil, count: agencies.count))
        let threads = try agencies.enumerated().map { index, agency in
            let rows = try Self.rows(files[index])
            return NamedThread("agency-\(index + 1)") {
                let result = Result { try agency.run(rows: rows, chunkBets: chunkBets) }
                results.withLockedValue { $0[index] = result }
            }
        }
        for thread in threads { thread.join() }
        return try results.withLockedValue { $0 }.map { try $0?.get().count ?? -1 }
    }

    private func draw(_ program: Program, _ files: [String], chunkBets: Int, winners: [Int]) throws {
        let ports = try DialectPorts()
        let agencies = (1...5).map { agency(program, $0, ports) }
        #expect(try run(agencies, files, chunkBets: chunkBets) == winners)
        #expect(try ports.services.exportedRows() == (try Services.inputRows(files)))
        try ports.services.stop()
    }

    @Test("five agencies of a dialect send the sample: bets stored once, winners to each", arguments: Program.allCases)
    func sample(_ program: Program) throws {
        try draw(program, Self.sample, chunkBets: 50, winners: [5, 2, 2, 2, 0])
    }

    @Test(
        "five agencies of a dialect send the real data: 2, 3, 3, 2 and 0 winners",
        .enabled(if: Repository.dataset != nil, "skipped: QUINIELA_DATASET is not set to a folder of agency files"),
        arguments: Program.allCases)
    func real(_ program: Program) throws {
        try draw(program, Self.real, chunkBets: 100, winners: [2, 3, 3, 2, 0])
    }

    @Test("agencies of every dialect, old programs and native agencies take part in one draw")
    func mixed() throws {
        let ports = try DialectPorts(agencies: 9)
        let programs: [Program] = [.semicolon, .lines, .tlv, .json, .pipe, .oldLines, .oldPipe]
        let native = try [8, 9].map { try ports.services.agency($0, file: Self.sample[$0 - 8]) }
        let agencies = programs.enumerated().map { agency($1, $0 + 1, ports) }
        let files = Self.sample + [Self.sample[0], Self.sample[1]]
        #expect(try run(agencies, files, chunkBets: 40) == [5, 2, 2, 2, 0, 5, 2])
        for (program, winners) in zip(native, [5, 2]) {
            #expect(try program.waitForExit() == 0, "\(program.log)")
            #expect(try AgencyOutput(program).winners.count == winners)
        }
        #expect(try ports.services.exportedRows() == (try Services.inputRows(files + Self.sample[0...1])))
        try ports.services.stop()
    }
}
