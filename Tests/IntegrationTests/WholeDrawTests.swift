import Domain
import Foundation
import Glibc
import TestKit
import Testing
import WireProtocol

/// Whole draws, from files to winners, with the three programs as a user starts them.
@Suite(.serialized)
struct WholeDrawTests {
    private static let sample = (1...5).map { Repository.root + "/data/agency-\($0).csv" }
    private static let real = (1...5).map { "\(Repository.dataset ?? "")/agency-\($0).csv" }
    private static let hasReal: ConditionTrait = .enabled(
        if: Repository.dataset != nil, "skipped: QUINIELA_DATASET is not set to a folder of agency files")

    /// Runs agencies in parallel until all have exited.
    private func run(_ services: Services, _ files: [String], _ arguments: [String] = []) throws -> [AgencyOutput] {
        let agencies = try files.enumerated().map { index, file in
            try services.agency(index + 1, file: file, arguments: arguments)
        }
        return try agencies.map { agency in
            #expect(try agency.waitForExit(seconds: 120) == 0, "\(agency.log)")
            return try AgencyOutput(agency)
        }
    }

    @Test("the sample: each agency gets its own winners, and the export equals the files")
    func sample() throws {
        let services = try Services(agencies: 5)
        let outputs = try run(services, Self.sample)
        let expected = try Repository.text("data/winners.csv").split(separator: "\r\n").map { line in
            line.split(separator: ",", omittingEmptySubsequences: false)[1].split(separator: " ").map(String.init)
        }
        #expect(outputs.map { $0.winners.sorted() } == expected.map { $0.sorted() })
        #expect(outputs.map(\.bets).reduce(0, +) == 3000)
        #expect(try services.exportedRows() == (try Services.inputRows(Self.sample)))
        let status = try services.command("status")
        #expect(status.output.contains("published, 5 of 5 agencies finished, 3000 bets"))
        let json = try services.command("status", ["--output", "json"]).output
        #expect(
            json.contains(#""bets":3000,"clockSteps":0,"draw":"default","expectedAgencies":5,"finishedAgencies":5,"#),
            "\(json)")
        #expect(
            json.contains(#""sealReason":"all finished","silent":[],"source":"service","state":"published","#),
            "\(json)")
        #expect(json.contains(#"{"agency":5,"#) && json.contains(#""finished":true"#), "\(json)")
        try services.stop()
        #expect(try services.command("verify").output.contains("drawn again from the ledger with the same outcome"))
    }

    @Test("the real data: 2, 3, 3, 2 and 0 winners on number 7574", hasReal)
    func real() throws {
        let services = try Services(agencies: 5)
        let outputs = try run(services, Self.real, ["--set", "batch.maxBytes=65536", "--set", "batch.maxAmount=2000"])
        #expect(outputs.map(\.winners.count) == [2, 3, 3, 2, 0])
        #expect(outputs.map(\.bets).reduce(0, +) == 78_697)
        #expect(try services.exportedRows() == (try Services.inputRows(Self.real)))
        try services.stop()
    }

    @Test("the real data with the ingest service killed ten times: no bet is lost or stored twice", hasReal)
    func killed() throws {
        try killTenTimes(files: Self.real, maxAmount: 2, winners: [2, 3, 3, 2, 0])
    }

    @Test("the sample with the ingest service killed ten times: no bet is lost or stored twice")
    func sampleKilled() throws {
        try killTenTimes(files: Self.sample, maxAmount: 1, winners: [5, 2, 2, 2, 0])
    }

    /// Kills the ingest service with SIGKILL at ten moments of one run, while the agencies keep running.
    ///
    /// Each kill waits until the log shows a random number of further chunks, so that all ten interrupt the stream.
    /// Small chunks make the stream long enough.
    private func killTenTimes(files: [String], maxAmount: Int, winners: [Int]) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let services = try Services(agencies: 5)
        let agencies = try files.enumerated().map { index, file in
            try services.agency(
                index + 1, file: file,
                arguments: ["--set", "batch.maxAmount=\(maxAmount)", "--set", "retry.maxMilliseconds=200"])
        }
        let rows = try Services.inputRows(files).count
        let chunksBetween = rows / maxAmount / 14
        for kill in 0..<10 {
            let chunks = Int.random(in: 1...max(1, chunksBetween), using: &random)
            try services.ingest.waitForLog("apuesta_recibida | result: success", count: chunks)
            services.ingest.signal(SIGKILL)
            #expect(try services.ingest.waitForExit() == -SIGKILL, "kill \(kill), seed \(seed)")
            try services.restartIngest()
        }
        let outputs = try agencies.map { agency in
            #expect(try agency.waitForExit(seconds: 120) == 0, "seed \(seed): \(agency.log)")
            return try AgencyOutput(agency)
        }
        #expect(outputs.map(\.winners.count) == winners, "seed \(seed)")
        #expect(try services.exportedRows() == (try Services.inputRows(files)), "seed \(seed)")
        try services.stop()
    }

    @Test("an agency killed at ten moments and restarted stores each bet of its file once")
    func agencyKilled() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let services = try Services(agencies: 1, settings: ["ingest.window=2"])
        let file = Self.sample[0]
        func start() throws -> TestProgram {
            // Another chunk size each time: the position in the stream is counted in bets.
            let size = Int.random(in: 1...3, using: &random)
            return try services.agency(1, file: file, arguments: ["--set", "batch.maxAmount=\(size)"])
        }
        for _ in 0..<10 {
            let agency = try start()
            // The agency may finish its file before it is killed.
            let chunks = Int.random(in: 1...25, using: &random)
            _ = try agency.waitForLog("apuesta_enviada", count: chunks, orAny: ["action: exit"])
            agency.signal(SIGKILL)
            _ = try agency.waitForExit()
        }
        let agency = try start()
        #expect(try agency.waitForExit() == 0, "seed \(seed): \(agency.log)")
        #expect(try AgencyOutput(agency).winners.count == 5)
        #expect(try services.exportedRows() == (try Services.inputRows([file])), "seed \(seed)")
        try services.stop()
    }

    @Test("a thousand agencies finish while one more sends a byte now and then; then it finishes too")
    func thousandAndOne() throws {
        let services = try Services(agencies: 1001)
        let (slow, _) = try services.join(1001)
        var slowBytes = Message.chunk(Samples.chunk(agency: 1001, sequence: 1, count: 1, isLast: true)).encoded
        var sockets: [TestSocket] = []
        for agency in 1...1000 {
            let socket = try TestSocket(services.ingestAddress)
            try socket.send(.hello(Hello(agency: AgencyID(UInt32(agency)))))
            try socket.send(.chunk(Samples.chunk(agency: agency, sequence: 1, count: 2)))
            try socket.send(.chunk(Samples.chunk(agency: agency, sequence: 2, count: 2, isLast: true)))
            sockets.append(socket)
            if agency % 40 == 0 { try slow.send([slowBytes.removeFirst()]) }
        }
        for socket in sockets {
            guard case .welcome = try socket.receiveMessage(), case .chunkProcessed = try socket.receiveMessage(),
                case .chunkProcessed = try socket.receiveMessage()
            else {
                Issue.record("an agency was not served")
                return
            }
        }
        #expect(!slowBytes.isEmpty)
        guard case .notDrawnYet(let answer) = try services.consult(1, waitMilliseconds: 0) else {
            Issue.record("drawn before the last agency finished")
            return
        }
        #expect(answer.expectedAgencies == 1001)
        for byte in slowBytes { try slow.send([byte]) }
        guard case .chunkProcessed = try slow.receiveMessage() else {
            Issue.record("the slow agency was not served")
            return
        }
        for agency in [1, 500, 1001] {
            guard case .winners = try services.consult(agency) else {
                Issue.record("no winners for agency \(agency)")
                continue
            }
        }
        try services.stop()
    }
}
