import Domain
import FuzzKit
import Ledger
import ReplicatedLedger

/// The outcome of a stream's check.
private struct Verdict {
    var records: [AgencyID: [AgencyMessage.Record]] = [:]
    var fault: ChainFault?
    var damage: StreamDamage?
    var isUnfinished = false
    var repairs: StreamCheck.Repairs?

    /// Whether the draw would be sealed.
    var isWhole: Bool { fault == nil && damage == nil && !isUnfinished }

    init(_ stream: WrittenStream, _ repairs: StreamCheck.Repairs = StreamCheck.Repairs()) {
        var check = StreamCheck(repairs)
        do throws(ChainFault) {
            for stored in stream.messages {
                let message = try? AgencyMessage(stored, in: WrittenStream.draw)
                if let message {
                    let again = try? AgencyMessage(message.bytes)
                    require(again == message, "\(shown(stored.bytes)) is read differently again")
                }
                let added = try check.add(message, sequence: stored.sequence)
                if let message { records[message.agency, default: []] += added }
            }
        } catch {
            fault = error
        }
        damage = check.damage(of: WrittenStream.agencies)
        isUnfinished = !check.unfinished(of: WrittenStream.agencies).isEmpty
        self.repairs = check.completeRepairs
    }

    /// Whether the records are the first ones of each agency, and all of them in a draw that would be sealed.
    func hasOnlyRecords(of whole: Verdict) -> Bool {
        WrittenStream.agencies.members.allSatisfy { agency in
            let (own, all) = (records[agency] ?? [], whole.records[agency] ?? [])
            let isSame = zip(own, all).allSatisfy { own, all in
                own.payload == all.payload && own.header.kind == all.header.kind
                    && own.header.sequence == all.header.sequence && own.header.count == all.header.count
            }
            return isSame && (isWhole ? own.count == all.count : own.count <= all.count)
        }
    }
}

private let whole = Verdict(.whole)

/// Damages a stream as disks and engines do: messages are lost, changed, moved and repeated.
///
/// - Returns: the stream, and whether messages were only lost and changed.
private func damaged(_ input: inout FuzzInput) -> (WrittenStream, isInPlace: Bool) {
    var messages = WrittenStream.whole.messages
    var isInPlace = true
    while !input.isAtEnd, !messages.isEmpty {
        let kind = input.choice(7)
        isInPlace = isInPlace && kind < 3
        let index = input.choice(messages.count)
        let other = input.choice(messages.count)
        switch kind {
        case 0: messages.remove(at: index)
        case 1:
            let bit = Int(input.integer(UInt16.self)) % max(1, messages[index].bytes.count * 8)
            if !messages[index].bytes.isEmpty { messages[index].bytes[bit / 8] ^= 1 << (bit % 8) }
        case 2: messages[index].bytes = Array(messages[index].bytes.prefix(Int(input.integer(UInt16.self))))
        case 3: messages[index].bytes = messages[other].bytes
        case 4:
            let sequence = messages[index].sequence
            messages[index] = messages[other]
            messages[index].sequence = sequence
        case 5: (messages[index].bytes, messages[other].bytes) = (messages[other].bytes, messages[index].bytes)
        default:
            var repeated = messages[index]
            repeated.sequence = (messages.last?.sequence ?? 0) + 1
            messages.append(repeated)
        }
    }
    return (WrittenStream(messages), isInPlace)
}

/// Checks that a damaged stream is not sealed with other records, and that its agencies can mend it.
private func checkDamage(_ input: inout FuzzInput) {
    var (stream, isInPlace) = damaged(&input)
    let found = Verdict(stream)
    let text = found.damage.map { "\($0)" } ?? "no damage"
    require(found.hasOnlyRecords(of: whole), "a draw with other records: \(text)")
    guard isInPlace else { return }
    require(found.fault == nil, "an accident is a contradiction: \(found.fault?.description ?? "")")
    guard stream.hasSameEnds(as: .whole), let damage = found.damage, damage.unknown == 0 else { return }
    for (agency, lost) in damage.lost.sorted(by: { $0.key < $1.key }) { stream.sendAgain(agency, lost) }
    let again = Verdict(stream)
    require(again.fault == nil, "after a repair: \(again.fault?.description ?? "")")
    guard let repairs = again.repairs else {
        violated("sent again in vain: \(damage), now \(again.damage.map { "\($0)" } ?? "nothing")")
    }
    let mended = Verdict(stream, repairs)
    require(mended.isWhole && mended.hasOnlyRecords(of: whole), "not mended: \(damage)")
}

/// Messages of a malicious program: valid ones with fields that the input chooses.
private func checkForged(_ input: inout FuzzInput) {
    var stream: [StoredMessage] = []
    let written = WrittenStream.whole.messages
    while !input.isAtEnd {
        var stored = written[input.choice(written.count)]
        guard var message = try? AgencyMessage(stored, in: WrittenStream.draw) else {
            violated("a message that was written cannot be read")
        }
        switch input.choice(7) {
        case 0: message.kind = AgencyMessage.Kind(rawValue: 1 + UInt8(input.choice(4))) ?? .session
        case 1: message.number = input.integer(UInt64.self) >> UInt64(input.choice(64))
        case 2:
            message.agency = AgencyID(UInt32(input.choice(5)))
            stored.subject = EngineStream.subject(of: message.agency, in: WrittenStream.draw)
        case 3: message.previous = (try? AgencyMessage(stream.last?.bytes ?? []))?.digest ?? AgencyMessage.noPrevious
        case 4:
            let other = written[input.choice(written.count)].bytes
            if let other = try? AgencyMessage(other) { message.before = other.before }
        case 5: message.records = input.block()
        default: break
        }
        stored.bytes = message.bytes
        if input.choice(4) == 0 { stored.bytes[input.choice(stored.bytes.count)] = input.byte() }
        stored.sequence = (stream.last?.sequence ?? 0) + 1 + UInt64(input.choice(3))
        stream.append(stored)
    }
    let verdict = Verdict(WrittenStream(stream))
    if let repairs = verdict.repairs { _ = Verdict(WrittenStream(stream), repairs) }
    guard let damage = verdict.damage, verdict.fault == nil else { return }
    _ = damage.description
    var mended = WrittenStream(stream)
    for (agency, lost) in damage.all.sorted(by: { $0.key < $1.key }) { mended.sendAgain(agency, lost) }
    _ = Verdict(mended)
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzStream(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    switch input.choice(3) {
    case 0: checkDamage(&input)
    case 1: checkForged(&input)
    default:
        let bytes = input.rest()
        if let news = EngineNews(bytes) {
            require(news.parts.allSatisfy { EngineNews($0.bytes) == $0 }, "\(news) is read as another word")
        }
    }
    return 0
}
