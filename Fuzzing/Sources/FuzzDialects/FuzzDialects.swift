import AgencyLanguages
import Dialects
import Domain
import FuzzKit
import Glibc
import WireProtocol

/// The dialect that this run fuzzes.
///
/// `scripts/fuzz` runs the program once for each dialect, so that each has its own corpus and its own numbers.
private let dialect: any Dialect = {
    let name = getenv("QUINIELA_FUZZ_DIALECT").map { String(cString: $0) } ?? ""
    if name == "list" {
        // For scripts/fuzz.
        for dialect in DialectRegistry.all { puts(dialect.name) }
        fflush(nil)
        _exit(0)  // exit would be reported as a crash
    }
    guard let found = DialectRegistry.all.first(where: { $0.name == name }) else {
        violated("QUINIELA_FUZZ_DIALECT is \"\(name)\", none of \(DialectRegistry.all.map(\.name))")
    }
    return found
}()

private let grammar = Grammar(name: dialect.name)
private let language = LanguageRegistry.language(dialect.name)

/// The ways to frame a body as one message; `kind` chooses the first byte of some headers.
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

/// The way whose bytes the dialect's framing accepts as one message; the longest, if there are several.
private let frame = frames.last { frame in
    let (found, fault) = dialect.framing.frames(in: frame([65], 0), maxFrameBytes: 64)
    return found.count == 1 && fault == nil
}

/// Frames a body as one message of the dialect; a length in its header is right.
private func framed(_ body: [UInt8], kind: UInt8) -> [UInt8] {
    guard let frame else { violated("no way to frame a message of \(dialect.name) is known: add one to `frames`") }
    return frame(body, kind)
}

/// Serves a stream like a connection: decodes requests, encodes their replies, and decodes those as the agency does.
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
            require(!bad.reason.isEmpty, "a chunk is rejected without a reason")
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
            require(!reason.isEmpty, "a message is rejected without a reason")
            checkReply(.rejected(badBets: 0, reason: reason), to: .consult)
        }
    }
    checkWinners(documents)
}

/// Checks that bets are stored if and only if the message is a chunk and all its rows are valid bets.
private func checkVerdict(_ request: DialectRequest, _ frame: [UInt8]) {
    let rows = grammar.rows(frame)
    let bets = rows?.rows.map(bet)
    guard let rows, let bets, bets.allSatisfy({ $0 != nil }) else {
        if case .chunk = request { violated("stored, but not a chunk of valid bets: \(shown(frame))") }
        return
    }
    guard case .chunk(let agency, let chunk) = request else {
        violated("rejected, but a chunk of \(bets.count) valid bets: \(shown(frame))")
    }
    require(agency?.rawValue == rows.agency, "the agency is \(agency.map { "\($0)" } ?? "none"): \(shown(frame))")
    require(BetColumns(chunk.bets, count: chunk.count).bets == bets.compactMap(\.self), "other bets: \(shown(frame))")
}

/// Checks that a decoded chunk has valid bets, no more bytes than its frame, and is the same when sent again.
///
/// - Returns: its documents.
private func checkChunk(_ chunk: Chunk, agency: AgencyID?, frame: [UInt8]) -> [String] {
    require(checkColumns(chunk.bets, count: chunk.count), "\(dialect.name) has read invalid bets")
    require(
        chunk.frame.count <= frame.count + Limits.chunkOverheadBytes,
        "\(frame.count) bytes became a chunk of \(chunk.frame.count)")
    guard let message = try? Message(frame: chunk.frame), case .chunk(let same) = message else {
        violated("\(shown(chunk.frame)) is not a chunk")
    }
    require(same == chunk, "\(chunk.count) bets, but \(same.count) in the frame")
    let bets = BetColumns(chunk.bets, count: chunk.count).bets
    if var language {
        let rows = bets.map { [$0.firstName, $0.lastName, $0.document, "\($0.birthdate)", String($0.number)] }
        let again = language.chunk(rows, agency: agency.map { "\($0)" } ?? "1", isLast: chunk.isLast)
        guard case .chunk(let name, let second) = request(in: again) else {
            violated("an agency's chunk is not read as one: \(shown(again))")
        }
        require(second == chunk, "bets that are sent again differ: \(shown(second.frame))")
        require(name == agency || bets.isEmpty, "bets that are sent again are of another agency")
    }
    return bets.map(\.document)
}

/// Decodes the request of the only message in a stream.
private func request(in stream: [UInt8]) -> DialectRequest {
    let (frames, fault) = dialect.framing.frames(in: stream, maxFrameBytes: Limits.largestMaxFrameBytes)
    require(fault == nil && frames.count == 1, "\(shown(stream)) is \(frames.count) messages")
    return dialect.request(frames[0], today: today)
}

/// Checks that the agency decodes a reply, and only once it is complete.
private func checkReply(_ reply: DialectReply, to question: AgencyQuestion) {
    var bytes: [UInt8] = []
    dialect.encode(reply, into: &bytes)
    guard let expected = heard(reply) else { return }
    check(bytes, areHeardAs: expected, to: question)
}

/// Checks that the agency decodes a list of winners.
private func checkWinners(_ documents: [String]) {
    // Ambiguous: the dialect encodes these two winners as "error;31", which is also an error.
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
        "\(reply) is decoded as \(listener.reply(bytes, to: question)): \(shown(bytes))")
    // The same reply, followed by the next answer.
    require(
        listener.reply(bytes + bytes, to: question) == .reply(expected, byteCount: bytes.count),
        "\(reply) twice is decoded as \(listener.reply(bytes + bytes, to: question))")
    let prefix = Array(bytes[..<(bytes.count * 2 / 3)])
    require(listener.reply(prefix, to: question) == .needsBytes, "a part of \(reply) is accepted: \(shown(prefix))")
}

/// The part of a reply that the dialect can express; nil if an agency does not wait for it.
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

/// Checks that rows of any text, sent by an agency, are stored if and only if all are valid bets.
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
        // Compares bytes, because CR LF is one character, which does not equal LF.
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
        require(areStored, "rows that are not valid bets are stored: \(rows)")
        require(BetColumns(chunk.bets, count: chunk.count).bets == bets.compactMap(\.self), "\(rows) became other bets")
        require(agency == AgencyID(7) || rows.isEmpty, "the agency became \(agency.map { "\($0)" } ?? "none")")
    case .badChunk(_, let bad):
        require(!areStored, "valid bets are rejected: \(bad.reason): \(rows)")
    default:
        violated("rows are taken for another message: \(rows)")
    }
}

/// Decodes the first message; others may follow it if an empty field ends a message.
private func request(in stream: [UInt8], orFirst: Bool) -> DialectRequest {
    guard orFirst else { return request(in: stream) }
    let frames = dialect.framing.frames(in: stream, maxFrameBytes: Limits.largestMaxFrameBytes).frames
    require(!frames.isEmpty, "\(shown(stream)) is not a message")
    return dialect.request(frames[0], today: today)
}

/// Returns the bet of five fields; nil if it is invalid.
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
        // It sends documents of winners as numbers.
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
