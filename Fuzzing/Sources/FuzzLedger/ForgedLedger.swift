import Domain
import FuzzKit
import Ledger
import WireProtocol

/// A ledger with valid checksums and records that the input chooses, with a plain second check of the ledger's rules.
struct ForgedLedger {
    private var bytes: [UInt8] = []
    /// Whether every record is allowed at its position.
    private(set) var isSound = true
    private var next: [UInt32: UInt32] = [:]
    private var finished: Set<UInt32> = []
    private var bets: UInt64 = 0
    private var isSealed = false
    private var chunks = 0

    init(_ input: inout FuzzInput) {
        let disk = MemoryDisk([])
        do throws(LedgerError) {
            var writer = try SmallLedger.writer(on: disk)
            while !input.isAtEnd, writer.endOffset < 12 * 4096 {
                for _ in 0..<input.choice(4) {
                    let (header, payload) = record(&input)
                    add(header, payload)
                    _ = writer.append(header, payload: payload.span.bytes)
                }
                try writer.commit(input.byte() & 7 == 0 ? .closing : .records, time: 1)
            }
        } catch {
            violated("\(error)")
        }
        bytes = disk.bytes
    }

    /// Makes a record that is allowed here, except for the fields that the input makes wrong.
    private func record(_ input: inout FuzzInput) -> (RecordHeader, [UInt8]) {
        let kinds: [RecordHeader.Kind] = [.chunk, .chunk, .lastChunk, .rejection, .seal, .numberedSeal]
        let kind = kinds[input.choice(kinds.count)]
        let wrong = input.byte()
        let agency = wrong & 1 == 0 ? UInt32(1 + input.choice(3)) : input.integer()
        let sequence = wrong & 2 == 0 ? next[agency] ?? 1 : input.integer()
        let before = wrong & 4 == 0 ? bets : input.integer()
        var count = input.choice(5)
        var payload = SmallLedger.payload(kind == .rejection || kind.isService ? 0 : count)
        if kind == .rejection { payload = [1] }
        if kind == .seal {
            // The cut-off is after the records, which are of time 1, or not.
            var seal = SealRecord(
                reason: SealRecord.Reason.allCases[input.choice(4)],
                instant: Instant(milliseconds: UInt64(input.choice(4))), bets: bets,
                agencies: max(next.keys.max() ?? 0, UInt32(input.choice(5))) % 1000)
            seal.unfinished = next.keys.filter { !finished.contains($0) }.sorted().map { AgencyID($0) }
            seal.absent = (0..<seal.agencies).map { $0 + 1 }.filter { next[$0] == nil }.map { AgencyID($0) }
            payload = seal.bytes
        }
        if kind == .numberedSeal {
            let fields: [UInt8] = [0, 0, 0, UInt8(finished.count), 0, input.byte(), 1, 0x6D]
            payload = (0..<8).map { UInt8(truncatingIfNeeded: bets >> (56 - 8 * $0)) } + fields
        }
        if wrong & 8 != 0 { payload = input.block() }
        if wrong & 16 != 0 { count = Int(input.integer(UInt16.self)) }
        if wrong & 32 != 0, !payload.isEmpty { payload[input.choice(payload.count)] ^= input.byte() }
        let header = RecordHeader(
            kind: kind, count: count, agency: AgencyID(agency), sequence: sequence, time: 1, firstBetIndex: before,
            payloadBytes: payload.count, payloadChecksum: CRC32C.checksum(payload.span.bytes))
        return (header, payload)
    }

    /// Applies a record by the rules of docs/ledger.md.
    private mutating func add(_ header: RecordHeader, _ payload: [UInt8]) {
        guard isSound else { return }
        let agency = header.agency.rawValue
        if isSealed {
            isSound = false
        } else if header.kind == .start {
            isSound =
                payload.count >= 5 && payload.count == 5 + Int(payload[4])
                && String(validating: payload[5...], as: UTF8.self) != nil
        } else if header.kind == .seal {
            isSealed = true
            isSound = isSoundSeal(payload)
        } else if header.kind == .numberedSeal {
            isSealed = true
            isSound = isSoundNumberedSeal(payload)
        } else {
            chunks += 1
            let columnsHold =
                header.kind == .rejection
                ? RejectionRecord(payload, count: header.count) != nil : columnsAddUp(payload, count: header.count)
            isSound =
                agency != 0 && columnsHold && !finished.contains(agency) && header.sequence == next[agency] ?? 1
                && header.firstBetIndex == bets
            next[agency] = header.sequence &+ 1
            if header.kind == .lastChunk { finished.insert(agency) }
            if header.kind != .rejection { bets += UInt64(header.count) }
        }
    }

    /// The rules of a seal, from docs/ledger.md.
    private func isSoundSeal(_ payload: [UInt8]) -> Bool {
        func number(_ range: Range<Int>) -> UInt64 { payload[range].reduce(0) { $0 << 8 | UInt64($1) } }
        guard payload.count >= 29, (1...4).contains(payload[0]) else { return false }
        let (agencies, unfinished, absent) = (number(17..<21), number(21..<25), number(25..<29))
        guard UInt64(payload.count) == 29 + 4 * (unfinished + absent), agencies <= 1_000_000, number(9..<17) == bets,
            next.keys.allSatisfy({ $0 <= agencies })
        else { return false }
        let listed = stride(from: 29, to: payload.count, by: 4).map { UInt32(number($0..<$0 + 4)) }
        let others = next.keys.filter { !finished.contains($0) }.sorted()
        let silent = (0..<UInt32(agencies)).map { $0 + 1 }.filter { next[$0] == nil }
        guard Array(listed.prefix(Int(unfinished))) == others, Array(listed.dropFirst(Int(unfinished))) == silent else {
            return false
        }
        // Every record has time 1.
        return payload[0] != 2 || chunks == 0 && number(1..<9) > 0 || number(1..<9) > 1
    }

    private func isSoundNumberedSeal(_ payload: [UInt8]) -> Bool {
        guard payload.count >= 15, payload.count == 15 + Int(payload[14]) else { return false }
        let numbers = payload.map(UInt64.init)
        let sealedBets = numbers[..<8].reduce(0) { $0 << 8 | $1 }
        let agencies = numbers[8..<12].reduce(0) { $0 << 8 | $1 }
        return sealedBets == bets && agencies == UInt64(finished.count) && finished.allSatisfy { $0 <= agencies }
            && next.count == finished.count && numbers[12] << 8 | numbers[13] <= 9999
            && String(validating: payload[15...], as: UTF8.self) != nil
    }

    private func columnsAddUp(_ payload: [UInt8], count: Int) -> Bool {
        guard payload.count >= 9 * count else { return false }
        return payload[6 * count..<9 * count].reduce(9 * count) { $0 + Int($1) } == payload.count
    }

    func check() {
        let contents: LedgerContents
        do throws(LedgerError) {
            contents = try LedgerContents(reading: SmallLedger.path, on: MemoryDisk(bytes))
        } catch {
            require(!isSound, "a sound ledger is rejected: \(error)")
            return
        }
        require(isSound, "a ledger that breaks its rules is accepted")
        require(contents.standings.storedBets == bets, "\(contents.standings.storedBets) bets instead of \(bets)")
        require(contents.chunkCount == chunks, "\(contents.chunkCount) chunks instead of \(chunks)")
        require((contents.standings.seal != nil) == isSealed, "the ledger's seal is misread")
        require(Set(contents.standings.finishedAgencies.map(\.rawValue)) == finished, "other agencies have finished")
        for (agency, sequence) in next {
            require(contents.standings[AgencyID(agency)].nextSequence == sequence, "agency \(agency) resumes elsewhere")
        }
        walk()
    }

    /// Reads an accepted ledger as the draw does.
    private func walk() {
        do throws(LedgerError) {
            for record in try FoundLedger(bytes).groups.joined() {
                switch record.header.kind {
                case .chunk, .lastChunk:
                    let bets = BetColumns(record.payload.span, count: record.header.count).bets
                    require(bets.count == record.header.count, "\(bets.count) bets are in a chunk")
                case .rejection: _ = RejectionRecord(record.payload, count: record.header.count)
                case .seal: require(SealRecord(record.payload) != nil, "the seal cannot be read")
                case .numberedSeal:
                    let seal = SealRecord(version1: record.payload, time: Instant(milliseconds: 1))
                    require(seal != nil, "the numbered seal cannot be read")
                case .start: require(StartRecord(record.payload) != nil, "the start cannot be read")
                }
            }
        } catch {
            violated("an accepted ledger cannot be read again: \(error)")
        }
    }
}
