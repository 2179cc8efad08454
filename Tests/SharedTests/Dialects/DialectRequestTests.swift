import AgencyLanguages
import Dialects
import Domain
import TestKit
import Testing
import WireProtocol

/// The requests that each dialect decodes from messages that agencies, or servers, get wrong.
struct DialectRequestTests {
    private static let all = DialectPair.all
    private static let good = ["Santiago Lionel", "Lorca", "30904465", "1999-03-17", "7574"]

    /// Decodes the requests in a stream of bytes.
    private static func requests(_ dialect: any Dialect, _ bytes: [UInt8]) -> [DialectRequest] {
        var decoder = FrameDecoder(dialect.framing, maxFrameBytes: 1 << 20)
        var requests: [DialectRequest] = []
        var index = 0
        while true {
            switch decoder.next(bytes.span.bytes, from: &index) {
            case .needsBytes, .invalid: return requests
            case .needsMemory: decoder.admit()
            case .frame(let frame): requests.append(dialect.request(frame, today: Samples.today))
            }
        }
    }

    private static func request(_ pair: DialectPair, _ rows: [[String]]) -> DialectRequest {
        var language = pair.language
        let bytes = language.chunk(rows, agency: "1", isLast: false)
        return requests(pair.dialect, bytes).first ?? .unknown(reason: "no frame")
    }

    private static func bets(_ request: DialectRequest) -> [Bet]? {
        guard case .chunk(_, let chunk) = request else { return nil }
        return BetColumns(chunk.bets, count: chunk.count).bets
    }

    private static func bad(_ request: DialectRequest) -> BadChunk? {
        if case .badChunk(_, let bad) = request { bad } else { nil }
    }

    @Test("the agency's side of a dialect knows how the service's side behaves", arguments: all)
    func sides(_ pair: DialectPair) {
        let closes = pair.dialect.next(after: .rejected(badBets: 1, reason: "")) == .close
        #expect(pair.language.rejectionCloses == closes)
        #expect(pair.language.hasWinnersPort == (pair.dialect.winnersName != nil))
        #expect(pair.language.isOneMessagePerConnection == pair.dialect.isOneMessagePerConnection)
    }

    @Test("bets come out as they went in, accents and long documents included", arguments: all)
    func bets(_ pair: DialectPair) {
        let accents = ["Tiago Nicolás", "Peña Ñandú", "34407251", "2001-08-29", "1033"]
        let request = Self.request(pair, [Self.good, accents])
        #expect(
            Self.bets(request)?.map(\.firstName) == ["Santiago Lionel", "Tiago Nicolás"]
                && Self.bets(request)?.map(\.number) == [7574, 1033])
        if case .chunk(let agency, let chunk) = request {
            #expect(agency == AgencyID(1) && chunk.count == 2 && !chunk.isLast)
            #expect(throws: Never.self) {
                try BetColumns(chunk.bets, count: chunk.count).check(today: Samples.today)
            }
        }
        let long = ["Ana", "Luz", "30904465123", "1999-03-17", "1"]
        let document = Self.bets(Self.request(pair, [long]))?.first?.document
        #expect(document == (pair.language.abilities.contains(.longDocuments) ? "30904465123" : nil))
    }

    @Test("0007 and 7 are the same number; 10000 is invalid", arguments: all)
    func numbers(_ pair: DialectPair) {
        let rows = ["0007", "7", "0000", "0", "9999"].map { Array(Self.good[..<4]) + [$0] }
        #expect(Self.bets(Self.request(pair, rows))?.map(\.number) == [7, 7, 0, 0, 9999])
        for number in ["10000", "-1", "7.0", "", "x", "７"] {
            #expect(Self.bets(Self.request(pair, [Array(Self.good[..<4]) + [number]])) == nil, "\(number)")
        }
    }

    @Test("one invalid bet rejects the chunk and is counted", arguments: all)
    func badBets(_ pair: DialectPair) {
        var wrong = Self.good
        wrong[3] = "1999-02-30"
        let bad = Self.bad(Self.request(pair, [Self.good, wrong, Self.good, wrong]))
        #expect(bad?.count == 4 && bad?.badBets == 2)
        #expect(bad?.reason == "bet 1: the birthdate 1999-02-30 is not in the calendar")
    }

    @Test("an empty field rejects the chunk", arguments: all)
    func emptyName(_ pair: DialectPair) {
        for field in 0...4 {
            var empty = Self.good
            empty[field] = ""
            let request = Self.request(pair, [Self.good, empty])
            #expect(Self.bets(request) == nil, "field \(field)")
            #expect(Self.bad(request)?.mayHaveRest == (pair.dialect.name == "lines"), "field \(field)")
        }
    }

    @Test("a separator inside a name gives one field too many", arguments: all)
    func separators(_ pair: DialectPair) {
        var split = Self.good
        split[0] = "Ana" + (pair.language.separator ?? ";|,") + "Luz"
        let bets = Self.bets(Self.request(pair, [split, Self.good]))
        #expect(pair.language.separator == nil ? bets?.first?.firstName == "Ana;|,Luz" : bets == nil)
    }

    @Test("a chunk may hold zero bets", arguments: all)
    func zeroBets(_ pair: DialectPair) {
        #expect(Self.bets(Self.request(pair, []))?.isEmpty == true)
    }

    @Test("zero bytes and unknown kinds store nothing", arguments: all)
    func nonsense(_ pair: DialectPair) {
        let nonsense = pair.language.nonsense
        for bytes in [nonsense.empty, nonsense.unknown] {
            let requests = Self.requests(pair.dialect, bytes)
            #expect(requests.count == 1)
            #expect(requests.allSatisfy { Self.bets($0)?.isEmpty ?? true }, "\(requests)")
        }
        if let header = nonsense.header { #expect(Self.requests(pair.dialect, header).isEmpty) }
    }

    @Test("two messages in one segment give two requests, wherever the bytes are cut", arguments: all)
    func slicing(_ pair: DialectPair) {
        var language = pair.language
        let dialect = pair.dialect
        let bytes = language.chunk([Self.good], agency: "1", isLast: false) + language.consult(agency: "1")
        let whole = Self.requests(dialect, bytes)
        #expect(whole.count == 2)
        for cut in 0...bytes.count {
            var decoder = FrameDecoder(dialect.framing, maxFrameBytes: 1 << 20)
            var requests: [DialectRequest] = []
            for piece in [Array(bytes[..<cut]), Array(bytes[cut...])] {
                var position = 0
                piece: while true {
                    switch decoder.next(piece.span.bytes, from: &position) {
                    case .needsBytes, .invalid: break piece
                    case .needsMemory: decoder.admit()
                    case .frame(let frame): requests.append(dialect.request(frame, today: Samples.today))
                    }
                }
            }
            let isInsideFrame = decoder.isInsideFrame
            #expect(requests == whole && !isInsideFrame)
        }
    }

    @Test("bets of two agencies in one chunk are a bad chunk")
    func twoAgencies() {
        let pipe = "1|Ana|Luz|30904465|1999-03-17|1\n2|Ana|Luz|30904466|1999-03-17|1\n"
        let lines = "BET\n1\nAna\nLuz\n30904465\n1999-03-17\n1\n2\nAna\nLuz\n30904466\n1999-03-17\n1\n\n"
        for request in [
            PipeDialect().request(Array(pipe.utf8), today: Samples.today),
            LinesDialect().request(Array(lines.utf8), today: Samples.today),
        ] {
            #expect(Self.bad(request)?.reason == "bet 1: the bets belong to both agency 1 and agency 2")
            #expect(Self.bad(request)?.badBets == 1)
        }
    }

    @Test("semicolon: the count must match, and the first line must be present")
    func semicolonHead() {
        func request(_ text: String) -> DialectRequest {
            SemicolonDialect().request(Array(text.utf8), today: Samples.today)
        }
        let bet = "Ana;Luz;30904465;1999-03-17;1\n"
        #expect(Self.bets(request("1;1\n" + bet))?.count == 1)
        #expect(Self.bad(request("1;1\n" + bet.dropLast()))?.reason.contains("the last line has no newline") == true)
        #expect(Self.bad(request("1;2\n" + bet))?.reason == "the first line says 2 bets and 1 follow")
        for text in ["", "1\n" + bet, "x;1\n" + bet, "1;x\n" + bet, "1;-1\n", "1;1;1\n" + bet] {
            #expect(Self.bad(request(text)) != nil, "\(text)")
        }
    }

    @Test("pipe: the shape of a message decides its kind, whatever the names contain")
    func pipeShapes() {
        func request(_ text: String) -> DialectRequest {
            PipeDialect().request(Array(text.utf8), today: Samples.today)
        }
        #expect(request("END\n") == .finish(nil) && request("END") == .finish(nil))
        #expect(request("WIN\n") == .askDrawn)
        #expect(request("CON|1") == .consult(AgencyID(1), .init(wait: .always)))
        for name in ["CON", "END", "WIN", "CONSTANZA END", "WINSTON"] {
            #expect(Self.bets(request("1|\(name)|\(name)|30904465|1999-03-17|1\n"))?.first?.firstName == name)
        }
        #expect(Self.bets(request("1|Ana|Luz|30904465|1999-03-17|1"))?.count == 1)
        #expect(Self.bad(request("CON|x")) != nil && Self.bad(request("CON|1|2")) != nil)
    }

    @Test("lines: an empty field ends the message, and the rest is not taken for a message")
    func linesRest() {
        let bytes = Array("BET\n1\n\nLorca\n30904465\n1999-03-17\n7574\n\n".utf8)
        let requests = Self.requests(LinesDialect(), bytes)
        #expect(requests.count == 2)
        #expect(Self.bad(requests[0])?.mayHaveRest == true)
        guard case .unknown = requests[1] else {
            Issue.record("\(requests[1])")
            return
        }
    }

    @Test("json: escapes, numbers for agencies, and invalid messages")
    func json() {
        func request(_ text: String) -> DialectRequest {
            JSONDialect().request(Array(text.utf8), today: Samples.today)
        }
        let escaped = #"{"type_message": 1, "agency": 1, "payload": ["Mar\u00eda,Pe\u00f1a,30904465,1999-03-17,7574"]}"#
        #expect(Self.bets(request(escaped))?.first?.firstName == "María")
        let utf8 = #"{"type_message":2,"agency":"1","payload":["María,Peña,30904465,1999-03-17,7574"]}"#
        if case .chunk(let agency, let chunk) = request(utf8) { #expect(agency == AgencyID(1) && chunk.isLast) }
        #expect(Self.bets(request(utf8))?.first?.lastName == "Peña")
        for text in [
            #"{"type_message": 1, "agency": "1", "payload": null}"#, #"{"type_message": 1}"#,
            #"{"type_message": 1, "agency": "x", "payload": []}"#, #"{"type_message": 1, "agency": -1, "payload": []}"#,
            #"{"type_message": 1, "agency": "1", "payload": "x"}"#,
            #"{"type_message": 2, "agency": "1", "payload": [5]}"#,
        ] { #expect(Self.bad(request(text)) != nil, "\(text)") }
        for text in [
            "", "{", "[]", "null", #"{"type_message": "1", "agency": "1", "payload": []}"#,
            #"{"type_message": 9, "agency": "1", "payload": []}"#, String(repeating: "[", count: 100_000),
        ] {
            guard case .unknown = request(text) else {
                Issue.record("\(text.prefix(60))")
                continue
            }
        }
    }

    @Test("tlv: wrong lengths, tags out of order and documents other than a u32")
    func tlv() throws {
        let pair = try #require(Self.all.first { $0.dialect.name == "tlv" })
        let dialect = pair.dialect
        let chunk = TLVLanguage().chunk([Self.good, Self.good], agency: "1", isLast: false)
        for index in 5..<chunk.count {
            var broken = chunk
            broken[index] ^= 0xFF
            // However the message is read, it never gives more bets than there were.
            #expect((Self.bets(dialect.request(broken, today: Samples.today))?.count ?? 0) <= 2)
        }
        for end in 5..<chunk.count {
            #expect(Self.bets(dialect.request(Array(chunk[..<end]), today: Samples.today))?.count != 2)
        }
        for document in ["4294967296", "30904465A", "30904465123", "00123"] {
            var row = Self.good
            row[2] = document
            #expect(Self.bad(Self.request(pair, [row]))?.reason.contains("is not a u32") == true)
        }
    }

    @Test("more bets than a chunk holds are a bad chunk")
    func tooMany() {
        let line = "1|A|B|1|1999-03-17|1\n"
        let bytes = Array(String(repeating: line, count: Limits.maxChunkBets + 1).utf8)
        let bad = Self.bad(PipeDialect().request(bytes, today: Samples.today))
        #expect(bad?.badBets == Limits.maxChunkBets + 1)
        #expect(bad?.reason == "65536 bets; at most 65535 fit a chunk")
    }

    @Test("an answer is never longer than the received bytes, whatever they are", arguments: all)
    func answersOfStrangers(_ pair: DialectPair) {
        var language = pair.language
        // Found by a fuzzer: repaired text has more bytes than were received, and the doctor crashed on the count.
        let streams: [[UInt8]] = [
            [0x01, 0x9F, 10, 10, 10], [0xFF, 10, 10, 10], Array("Success :)\n\n".utf8) + [0xFF],
        ]
        for bytes in streams {
            for question in [AgencyQuestion.greeting, .chunk, .finish, .consult] {
                guard case .reply(_, let byteCount) = language.reply(bytes, to: question) else { continue }
                #expect(byteCount <= bytes.count, "\(language.name) reads \(byteCount) of \(bytes)")
            }
        }
    }
}
