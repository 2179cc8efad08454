import Domain
import Foundation
import Glibc
import TestKit
import Testing
import WireProtocol

/// The number of times that bet-ingest asks malloc for memory for a chunk: a hot path that allocates more fails here.
struct AllocationTests {
    // Release programs take 29: 14 for the frame, its reservation and the arrays of one commit group, 15 for the log line.
    // Unoptimised ones box more.
    #if DEBUG
        private static let maxPerChunk = 112.0
    #else
        private static let maxPerChunk = 31.0
    #endif

    /// Sends chunks one after the other, so that each is a commit group of its own.
    ///
    /// - Returns: the allocations of the whole run.
    private func allocations(chunks: UInt32) throws -> Int {
        let folder = try TemporaryFolder()
        let count = folder.path + "/allocations"
        let ingest = try TestProgram.start(
            .ingest, data: "data", agencies: 2,
            environment: ["LD_PRELOAD": TestProgram.faultShim, "FAULT_SHIM_ALLOCATIONS": count], in: folder.path)
        let socket = try TestSocket(try ingest.waitForAddress())
        try socket.send(.hello(Hello(agency: AgencyID(1))))
        _ = try socket.receiveMessage()
        let bets = (0..<50).map(Samples.bet)
        for sequence in 1...chunks {
            try socket.send(.chunk(Samples.chunk(sequence: sequence, bets: bets)))
            guard case .chunkProcessed = try socket.receiveMessage() else {
                throw TestProgram.Failure.deadline("chunk \(sequence)", log: ingest.log)
            }
        }
        ingest.signal(SIGTERM)
        #expect(try ingest.waitForExit() == 0)
        return try #require(Int(try String(contentsOfFile: count, encoding: .utf8)))
    }

    @Test("a chunk costs a fixed number of allocations")
    func perChunk() throws {
        let perChunk = Double(try allocations(chunks: 600) - allocations(chunks: 100)) / 500
        #expect(perChunk > 1 && perChunk < Self.maxPerChunk, "\(perChunk) allocations a chunk")
    }
}
