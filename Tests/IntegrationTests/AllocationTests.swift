import Domain
import Foundation
import Glibc
import Ledger
import Storage
import TestKit
import Testing
import WireProtocol

/// The number of times that bet-ingest asks malloc for memory for a chunk: a hot path that allocates more fails here.
struct AllocationTests {
    // Release programs take 27: 12 for the frame, its reservation and the arrays of one commit group, 15 for the log line.
    // Unoptimised ones box more.
    #if DEBUG
    private static let maxPerChunk = 105.0
    #else
    private static let maxPerChunk = 29.0
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

    /// Writes the ledger of a draw in which agency 1 has sent `chunks` chunks of one bet.
    private func writeLedger(in folder: TemporaryFolder, chunks: UInt32) throws {
        let path = DrawFolder(data: folder.path + "/data", draw: Samples.draw).ledger
        let header = LedgerHeader(draw: Samples.draw, ledgerID: 7, createdAt: 1)
        try LedgerWriter.create(at: path, header: header, on: PosixDisk())
        let end = LedgerEnd(offset: Limits.blockBytes, lastGroupNumber: 0, isClosed: false, tornBytes: 0)
        var writer = try LedgerWriter(path, header: header, end: end, on: PosixDisk())
        let payload = Array(Samples.chunk(sequence: 1, bets: [Samples.bet(1)]).frame[Chunk.betsIndex...])
        let checksum = CRC32C.checksum(payload.span.bytes)
        for sequence in 1...chunks {
            let record = RecordHeader(
                kind: .chunk, count: 1, agency: AgencyID(1), sequence: sequence, time: 1,
                firstBetIndex: UInt64(sequence - 1), payloadBytes: payload.count, payloadChecksum: checksum)
            _ = writer.append(record, payload: payload.span.bytes)
        }
        try writer.commit(time: 1)
        try writer.close(time: 1)
    }

    @Test("the first chunk after a restart does not copy the index of the recorded chunks")
    func firstChunk() throws {
        let chunks: UInt32 = 20_000
        let folder = try TemporaryFolder()
        try writeLedger(in: folder, chunks: chunks)
        let count = folder.path + "/allocations"
        /// Repeats a chunk and sends this many new ones.
        ///
        /// - Returns: the number of allocations as large as the index.
        func largeAllocations(newChunks: UInt32) throws -> Int {
            let ingest = try TestProgram.start(
                .ingest, data: "data", agencies: 2,
                environment: [
                    "LD_PRELOAD": TestProgram.faultShim, "FAULT_SHIM_ALLOCATIONS": count,
                    "FAULT_SHIM_ALLOCATION_BYTES": "\(8 * chunks)",
                ], in: folder.path)
            let socket = try TestSocket(try ingest.waitForAddress())
            try socket.send(.hello(Hello(agency: AgencyID(1))))
            guard case .welcome(let welcome) = try socket.receiveMessage() else { return -1 }
            #expect(welcome.nextSequence == chunks + 1)
            for sequence in [1] + (0..<newChunks).map({ welcome.nextSequence + $0 }) {
                try socket.send(.chunk(Samples.chunk(sequence: sequence, bets: [Samples.bet(1)])))
                guard case .chunkProcessed = try socket.receiveMessage() else { return -1 }
            }
            ingest.signal(SIGTERM)
            #expect(try ingest.waitForExit() == 0)
            return try #require(Int(try String(contentsOfFile: count, encoding: .utf8)))
        }
        let without = try largeAllocations(newChunks: 0)
        #expect(without > 0)
        #expect(try largeAllocations(newChunks: 1) == without)
    }
}
