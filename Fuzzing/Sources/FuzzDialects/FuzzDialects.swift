import AgencyLanguages
import Dialects
import Domain
import FuzzKit
import Glibc
import WireProtocol

/// The dialect that this run is about.
///
/// `scripts/fuzz` runs the program once for each, so that each has its own corpus and its own numbers.
private let dialect: any Dialect = {
    let name = getenv("QUINIELA_FUZZ_DIALECT").map { String(cString: $0) } ?? ""
    if name == "list" {
        // Asked by scripts/fuzz.
        for dialect in DialectRegistry.all { puts(dialect.name) }
        fflush(stdout)
        _exit(0)  // exit would be reported as a crash
    }
    guard let found = DialectRegistry.all.first(where: { $0.name == name }) else {
        violated("QUINIELA_FUZZ_DIALECT is \"\(name)\", none of \(DialectRegistry.all.map(\.name))")
    }
    return found
}()

private let grammar = Grammar(name: dialect.name)
private let language = LanguageRegistry.language(dialect.name)

/// The ways to make a body one message; `kind` is a byte that some headers begin with.
private let frames: [@Sendable (_ body: [UInt8], _ kind: UInt8) -> [UInt8]] = [
    { body, _ in body + [10] },
    { body, _ in body + [10, 10] },
    { body, _ in bigEndian(body.count) + body },
    { body, kind in [1 + kind % 3] + bigEndian(body.count) + body },
    { body, _ in
        let digits = String(body.count)
        return Array(repeatElement(48, count: 8 - digits.utf8.count)) + Array(digits.utf8) + body
    },
]

private func bigEndian(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: UInt32(count))
    return bytes
}

/// The way whose bytes the dialect's framing takes for one message: of several, the longest.
private let frame = frames.last { frame in
    let (found, fault) = dialect.framing.frames(in: frame([65], 0), maxFrameBytes: 64)
    return found.count == 1 && fault == nil
}

/// Text as one message of the dialect: where its framing counts bytes, the count is right.
private func framed(_ body: [UInt8], kind: UInt8) -> [UInt8] {
    guard let frame else { violated("no way to frame a message of \(dialect.name) is known: add one to `frames`") }
    return frame(body, kind)
}

/// What happens to frames on a connection: requests, replies to all of them, and what the agency reads.
private func serve(_ stream: [UInt8], maxFrameBytes: Int) {
    var documents: [String] = []
    for frame in dialect.framing.frames(in: stream, maxFrameBytes: maxFrameBytes).frames {
        let request = dialect.request(frame, today: today)
        if grammar.isKnown { checkVerdict(request, frame) }
        switch request {
        case .chunk(let agency, let chunk):
            documents += checkChunk(chunk, agency: agency, frame: frame)
            checkReply(.stored(isLast: chunk.isLast), to: .chunk)
        case .badChunk(_, let bad):
            require((0...bad.count).contains(bad.badBets), "\(bad.badBets) of \(bad.count) bets are bad")
            require(!bad.reason.isEmpty, "a chunk is refused without a reason")
            checkReply(.rejected(badBets: bad.badBets, reason: bad.reason), to: .chunk)
        case .finish:
            checkReply(.finished, to: .finish)
        case .consult:
            checkWinners(documents)
            checkReply(.notDrawnYet, to: .consult)
        case .askDrawn:
            checkReply(.drawn(true), to: .consult)
            checkReply(.drawn(false), to: .consult)
        case .echo(let line):
            require(line == frame, "\(shown(frame)) is echoed as \(shown(line))")
            var bytes: [UInt8] = []
            dialect.encode(.echo(line), into: &bytes)
            require(bytes == line, "\(shown(line)) is written as \(shown(bytes))")
        case .unknown(let reason):
            require(!reason.isEmpty, "a message is refused without a reason")
            checkReply(.rejected(badBets: 0, reason: reason), to: .consult)
        }
    }
    checkWinners(documents)
}

/// Bets are stored if the message is a chunk and all its rows are bets, and else they are not.
private func checkVerdict(_ request: DialectRequest, _ frame: [UInt8]) {
    let rows = grammar.rows(frame)
    let bets = rows?.rows.map(bet)
    guard let rows, let bets, bets.allSatisfy({ $0 != nil }) else {
        if case .chunk = request { violated("stored, and it is no chunk of bets: \(shown(frame))") }
        return
    }
    guard case .chunk(let agency, let chunk) = request else {
        violated("refused, and it is a chunk of \(bets.count) bets: \(shown(frame))")
    }
    require(agency?.rawValue == rows.agency, "the agency is \(agency.map { "\($0)" } ?? "none"): \(shown(frame))")
    require(BetColumns(chunk.bets, count: chunk.count).bets == bets.compactMap(\.self), "others: \(shown(frame))")
}

/// A chunk that a dialect has read holds bets, no more bytes than its frame had, and survives being sent again.
///
/// - Returns: its documents.
private func checkChunk(_ chunk: Chunk, agency: AgencyID?, frame: [UInt8]) -> [String] {
    require(checkColumns(chunk.bets, count: chunk.count), "\(dialect.name) has read bets that are none")
    require(
        chunk.frame.count <= frame.count + Limits.chunkOverheadBytes,
        "\(frame.count) bytes became a chunk of \(chunk.frame.count)")
    guard let message = try? Message(frame: chunk.frame), case .chunk(let same) = message else {
        violated("\(shown(chunk.frame)) is no chunk")
    }
    require(same == chunk, "\(chunk.count) bets, and the frame says \(same.count)")
    let bets = BetColumns(chunk.bets, count: chunk.count).bets
    if var language {
        let rows = bets.map { [$0.firstName, $0.lastName, $0.document, "\($0.birthdate)", String($0.number)] }
        let again = language.chunk(rows, agency: agency.map { "\($0)" } ?? "1", isLast: chunk.isLast)
        guard case .chunk(let name, let second) = request(in: again) else {
            violated("what an agency would send is no chunk: \(shown(again))")
        }
        require(second == chunk, "bets that are sent again are others: \(shown(second.frame))")
        require(name == agency || bets.isEmpty, "sent again they are of another agency")
    }
    return bets.map(\.document)
}

/// The request of the only message in a stream.
private func request(in stream: [UInt8]) -> DialectRequest {
    let (frames, fault) = dialect.framing.frames(in: stream, maxFrameBytes: Limits.maxFrameBytesCeiling)
    require(fault == nil && frames.count == 1, "\(shown(stream)) is \(frames.count) messages")
    return dialect.request(frames[0], today: today)
}

/// The agency understands what it is told, and only once it is whole.
private func checkReply(_ reply: DialectReply, to question: AgencyQuestion) {
    var bytes: [UInt8] = []
    dialect.encode(reply, into: &bytes)
    guard let expected = heard(reply) else { return }
    check(bytes, areHeardAs: expected, to: question)
}

/// The agency understands a list of winners.
private func checkWinners(_ documents: [String]) {
    // "error;31" is what the dialect says of these two winners, and also an error: nobody can tell.
    if dialect.name == "semicolon", documents.first == "error" { return }
    let form = dialect.winnersForm(
        count: UInt64(documents.count), documentsBytes: documents.reduce(0) { $0 + 1 + $1.utf8.count },
        areIntegers: documents.allSatisfy { UInt32($0).map(String.init) == $0 })
    guard let form else { return }
    check(form.bytes(of: documents), areHeardAs: .winners(documents), to: .consult)
}

private func check(_ bytes: [UInt8], areHeardAs expected: AgencyReply, to question: AgencyQuestion) {
    guard let language, !bytes.isEmpty else { return }
    let reply = expected
    var listener = language
    require(
        listener.reply(bytes, to: question) == .reply(expected, byteCount: bytes.count),
        "\(reply) is heard as \(listener.reply(bytes, to: question)): \(shown(bytes))")
    // The same with the next answer behind it.
    require(
        listener.reply(bytes + bytes, to: question) == .reply(expected, byteCount: bytes.count),
        "\(reply) twice is heard as \(listener.reply(bytes + bytes, to: question))")
    let prefix = Array(bytes[..<(bytes.count * 2 / 3)])
    require(listener.reply(prefix, to: question) == .needsBytes, "a part of \(reply) is enough: \(shown(prefix))")
}

/// What of a reply the dialect can say; nil where an agency does not wait for it.
private func heard(_ reply: DialectReply) -> AgencyReply? {
    switch reply {
    case .stored: .stored
    case .rejected(let badBets, let reason):
        .rejected(
            badBets: dialect.name == "pipe" ? badBets : 0, reason: dialect.name == "semicolon" ? reason : "")
    case .finished: .finished
    case .notDrawnYet: .notDrawnYet
    case .drawn, .echo: nil
    }
}

/// Rows of any text, as an agency sends them: they are stored if every one is a bet, and refused if one is not.
private func checkRows(_ input: inout FuzzInput) {
    guard var language else { return }
    var rows: [[String]] = []
    var isSeparated = false
    while !input.isAtEnd {
        var row = ["Ana", "Paz", "30904465", "1999-03-17", "7574"]
        let replaced = input.byte()
        for field in 0..<5 where replaced >> UInt8(field) & 1 == 1 {
            row[field] = String(decoding: input.block(), as: UTF8.self)
        }
        // By bytes: CR LF is one character, which contains no LF.
        isSeparated =
            isSeparated || row.contains { $0.utf8.contains { $0 == 10 || $0 == language.separator?.utf8.first } }
        rows.append(row)
    }
    if isSeparated { return serve(language.chunk(rows, agency: "7", isLast: true), maxFrameBytes: 1 << 20) }
    let request = request(in: language.chunk(rows, agency: "7", isLast: true), orFirst: dialect.name == "lines")
    let bets = rows.map { bet($0.map { Array($0.utf8) }) }
    let areStored = bets.allSatisfy { $0 != nil }
    switch request {
    case .chunk(let agency, let chunk):
        require(areStored, "rows that are no bets are stored: \(rows)")
        require(BetColumns(chunk.bets, count: chunk.count).bets == bets.compactMap(\.self), "\(rows) became other bets")
        require(agency == AgencyID(7) || rows.isEmpty, "the agency became \(agency.map { "\($0)" } ?? "none")")
    case .badChunk(_, let bad):
        require(!areStored, "bets are refused: \(bad.reason): \(rows)")
    default:
        violated("rows are taken for another message: \(rows)")
    }
}

/// The request of the first message; others may follow it where an empty field ends a message.
private func request(in stream: [UInt8], orFirst: Bool) -> DialectRequest {
    guard orFirst else { return request(in: stream) }
    let frames = dialect.framing.frames(in: stream, maxFrameBytes: Limits.maxFrameBytesCeiling).frames
    require(!frames.isEmpty, "\(shown(stream)) is no message")
    return dialect.request(frames[0], today: today)
}

/// The bet that five fields are.
private func bet(_ row: [[UInt8]]) -> Bet? {
    let (first, last, document, date, digits) = (row[0], row[1], row[2], row[3], row[4])
    do throws(BetFault) {
        try BetRules.check(name: first.span, .first)
        try BetRules.check(name: last.span, .last)
        try BetRules.check(document: document.span)
        let birthdate = try BetRules.birthdate(date.span)
        try BetRules.check(birthdate: birthdate, today: today)
        let number = try BetRules.number(digits.span)
        let text = String(decoding: document, as: UTF8.self)
        // It tells winners as numbers.
        if dialect.name == "tlv", UInt32(text).map(String.init) != text { return nil }
        return Bet(
            firstName: String(decoding: first, as: UTF8.self), lastName: String(decoding: last, as: UTF8.self),
            document: text, birthdate: birthdate, number: number)
    } catch {
        return nil
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDialects(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    let mode = input.byte()
    switch mode & 3 {
    case 0:
        serve(input.rest(), maxFrameBytes: 4096)
    case 1:
        let stream = framed(input.rest(), kind: mode >> 2)
        serve(stream, maxFrameBytes: 1 << 20)
    case 2:
        checkRows(&input)
    default:
        guard let language else { return 0 }
        let question: [AgencyQuestion] = [.greeting, .chunk, .finish, .consult]
        let bytes = mode & 16 == 0 ? input.rest() : framed(input.rest(), kind: mode >> 5)
        var listener = language
        if case .reply(_, let byteCount) = listener.reply(bytes, to: question[Int(mode >> 2 & 3)]) {
            require((1...max(1, bytes.count)).contains(byteCount), "an answer of \(byteCount) bytes: \(shown(bytes))")
        }
    }
    return 0
}
