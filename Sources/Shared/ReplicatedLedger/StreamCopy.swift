package import Domain
package import Ledger
package import Storage
import WireProtocol

/// A draw's stream, written as a ledger file while it is checked.
///
/// The same stream gives the same bytes on every node: groups, times and positions depend on the messages only. So a draw
/// from the file has the same outcome on every node, and everything that reads a ledger reads a draw of a cluster.
///
/// Isolation: one thread; blocks on the disk.
package struct StreamCopy: ~Copyable {
    private let draw: DrawID
    private let agencies: DrawAgencies
    private var writer: LedgerWriter
    private var check: StreamCheck
    private var standings = DrawStandings(tracksDigests: false)
    private var groupBytes: Int
    /// Of the newest record, in milliseconds since 1970.
    private var time: UInt64
    /// The last message that was added; 0 before the first.
    private var lastSequence: UInt64 = 0
    /// Whether what is lost was asked of every server.
    package private(set) var isEveryServerAsked = false

    /// Reads a stream that may be damaged, and writes the file; blocks.
    ///
    /// A message that one server lacks is read of the others, and chunks that were sent again get the place of the lost ones.
    ///
    /// - Throws: ``ChainFault``; ``LedgerError``; ``EngineUnavailable``; ``EngineDocuments/Stopped``.
    package static func read(
        to path: String, header: LedgerHeader, agencies: DrawAgencies, of engine: any LedgerEngine,
        _ documents: EngineDocuments, on disk: any Disk
    ) throws -> StreamCopy {
        func read(_ engines: [any LedgerEngine], _ repairs: StreamCheck.Repairs) throws -> StreamCopy {
            var copy = try StreamCopy(path, header: header, agencies: agencies, repairs: repairs, on: disk)
            try copy.appendAll(of: engines, documents)
            return copy
        }
        let copy = try read([engine], StreamCheck.Repairs())
        // Some node may read of a server that lacks nothing, and every node must write the same.
        if copy.damage == nil { return copy }
        do {
            let all = try engine.copies()
            var merged = try read(all, StreamCheck.Repairs())
            if let repairs = merged.check.completeRepairs {
                merged = try read(all, repairs)
                guard merged.check.isRepaired else { throw ChainFault("two readings of the stream differ") }
            }
            merged.isEveryServerAsked = true
            return merged
        } catch is EngineUnavailable {
            // Its file is overwritten: it is only asked for its damage.
            return copy
        }
    }

    /// Creates the file.
    ///
    /// - Throws: ``LedgerError``.
    private init(
        _ path: String, header: LedgerHeader, agencies: DrawAgencies, repairs: StreamCheck.Repairs, on disk: any Disk
    ) throws(LedgerError) {
        check = StreamCheck(repairs)
        try LedgerWriter.create(at: path, header: header, on: disk)
        let end = LedgerEnd(offset: Limits.blockBytes, lastGroupNumber: 0, isClosed: false, tornBytes: 0)
        var writer = try LedgerWriter(path, header: header, end: end, on: disk)
        let start = StartRecord(agencies: agencies.last, program: "stream \(EngineStream.bets(header.draw).name)").bytes
        _ = writer.append(Self.header(.start, start, time: header.createdAt, bets: 0), payload: start.span.bytes)
        self.writer = writer
        self.agencies = agencies
        draw = header.draw
        groupBytes = RecordHeader.byteCount + start.count
        time = header.createdAt
    }

    /// Adds every message that some of the engines have now.
    private mutating func appendAll(of engines: [any LedgerEngine], _ documents: EngineDocuments) throws {
        while true {
            var next: [UInt64: StoredMessage] = [:]
            // Each returns as many as it likes: what lies after the shortest run is read again.
            var last = UInt64.max
            for engine in engines {
                let sequence = lastSequence + 1
                let messages = try documents.wait {
                    (then: @escaping @Sendable (Result<[StoredMessage], EngineUnavailable>) -> Void) in
                    engine.readNext(from: sequence, in: .bets(draw), then: then)
                }.get()
                last = min(last, messages.last?.sequence ?? last)
                next.merge(messages.map { ($0.sequence, $0) }) { (try? AgencyMessage($0, in: draw)) == nil ? $1 : $0 }
            }
            if next.isEmpty { return }
            for (sequence, message) in next.sorted(by: { $0.key < $1.key }) where sequence <= last {
                try append(message)
            }
        }
    }

    /// Adds the next message of the stream.
    ///
    /// - Throws: ``ChainFault`` for a message that cannot follow; ``LedgerError``.
    private mutating func append(_ stored: StoredMessage) throws {
        let message = try? AgencyMessage(stored, in: draw)
        if let message, !agencies.contains(message.agency) {
            throw ChainFault("message \(stored.sequence): agency \(message.agency) is not in the draw")
        }
        for record in try check.add(message, sequence: stored.sequence) { try append(record) }
        lastSequence = stored.sequence
    }

    private mutating func append(_ record: AgencyMessage.Record) throws {
        var header = record.header
        header = RecordHeader(
            kind: header.kind, count: header.count, agency: header.agency, sequence: header.sequence,
            time: header.time, firstBetIndex: standings.storedBets, payloadBytes: header.payloadBytes,
            payloadChecksum: CRC32C.checksum(record.payload.span.bytes))
        try append(header, record.payload)
        if let fault = standings.check(header, payload: record.payload.span) {
            throw ChainFault("agency \(header.agency): a record does not follow: \(fault)")
        }
    }

    /// Makes the header of a record that belongs to no agency.
    private static func header(
        _ kind: RecordHeader.Kind, _ payload: [UInt8], time: UInt64, bets: UInt64
    ) -> RecordHeader {
        RecordHeader(
            kind: kind, count: 0, agency: .none, sequence: 0, time: time, firstBetIndex: bets,
            payloadBytes: payload.count, payloadChecksum: CRC32C.checksum(payload.span.bytes))
    }

    private mutating func append(_ header: RecordHeader, _ payload: [UInt8]) throws(LedgerError) {
        let recordBytes = RecordHeader.byteCount + payload.count
        if groupBytes + recordBytes > Limits.maxGroupBytes - GroupHeader.byteCount { try commit() }
        _ = writer.append(header, payload: payload.span.bytes)
        groupBytes += recordBytes
        time = max(time, header.time)
    }

    private mutating func commit() throws(LedgerError) {
        if groupBytes == 0 { return }
        try writer.commit(time: time)
        groupBytes = 0
    }

    /// The damage of the stream; nil if it is whole, and then the file has all bets.
    ///
    /// Otherwise it has each agency's bets up to the first that are lost.
    package var damage: StreamDamage? { check.damage(of: agencies) }

    /// The agencies of the draw without an end.
    package var unfinished: [AgencyID] { check.unfinished(of: agencies) }

    /// Whether every agency has sent its last chunk.
    package var areAllFinished: Bool { agencies.members.allSatisfy { standings[$0].isFinished } }

    /// Ends the file of a draw that is open.
    package mutating func endOpen() throws(LedgerError) { try commit() }

    /// Ends the file with a seal.
    ///
    /// - Parameter instant: of an order to close; nil for the time of the newest record.
    /// - Throws: ``LedgerError``.
    package mutating func seal(_ reason: SealRecord.Reason, at instant: Instant?) throws(LedgerError) -> SealRecord {
        var instant = instant ?? Instant(milliseconds: time)
        // The clocks of nodes differ: a node whose clock is slow may have recorded a chunk after the cut-off.
        if reason == .cutOff { instant = max(instant, Instant(milliseconds: time + 1)) }
        let seal = SealRecord(reason, at: instant, of: standings, agencies: agencies)
        let payload = seal.bytes
        let header = Self.header(
            .seal, payload, time: max(time, instant.milliseconds), bets: standings.storedBets)
        try append(header, payload)
        try commit()
        try writer.close(time: time)
        return seal
    }
}
