import Shared
import TestKit
import Testing

/// The dumps of docs/dialects.md, made by another mind, hold every byte that goes out and comes in.
struct DialectDumpTests {
    private static let rows = [
        ["Santiago Lionel", "Lorca", "30904465", "1999-03-17", "7574"],
        ["Tiago Nicolás", "Rivera", "34407251", "2001-08-29", "1033"],
    ]
    private static let winners = DialectReply.winners(["30000002", "30000003"])

    private func dump(_ name: String) throws -> [UInt8] {
        let bytes = try Repository.dump(name, in: "docs/dialects.md")
        #expect(!bytes.isEmpty, "docs/dialects.md has no dump \(name)")
        return bytes
    }

    /// What goes out, and what becomes of the connection.
    private func out(
        _ dialect: any Dialect, _ replies: [(String, DialectReply, DialectReply.Next)]
    ) throws {
        for (name, reply, next) in replies {
            var bytes: [UInt8] = []
            #expect(dialect.encode(reply, into: &bytes) == next, "\(name)")
            #expect(bytes == (try dump(name)), "\(name)")
        }
    }

    /// What comes in, through the dialect's framing.
    private func request(_ dialect: any Dialect, _ name: String) throws -> DialectRequest {
        let bytes = try dump(name)
        var decoder = FrameDecoder(dialect.framing, maxFrameBytes: 1 << 20)
        var index = 0
        while true {
            switch decoder.next(bytes.span.bytes, from: &index) {
            case .needsMemory: decoder.admit()
            case .frame(let frame):
                #expect(index == bytes.count, "\(name)")
                return dialect.request(frame, today: Samples.today)
            case .needsBytes, .invalid: return .unknown(reason: "\(name) is no frame")
            }
        }
    }

    private func chunk(_ dialect: any Dialect & AgencyLanguage, _ name: String) throws {
        guard case .chunk(let agency, let chunk) = try request(dialect, name) else {
            Issue.record("\(name) is no chunk")
            return
        }
        #expect(agency == AgencyID(1) && !chunk.isLast)
        #expect(BetColumns(chunk.bets, count: chunk.count).bets == Samples.documentedBets)
        var agencySide: any AgencyLanguage = dialect
        #expect(agencySide.chunk(Self.rows, agency: "1", isLast: false) == (try dump(name)))
    }

    @Test("semicolon")
    func semicolon() throws {
        let dialect = SemicolonDialect()
        try chunk(dialect, "semicolon-chunk")
        #expect(try request(dialect, "semicolon-end") == .consult(nil, .init(finishes: true, wait: .always)))
        try out(
            dialect,
            [
                ("semicolon-ok", .stored(isLast: false), .stay),
                ("semicolon-error", .rejected(badBets: 0, reason: "the first line is not agency;count"), .stay),
                ("semicolon-winners", Self.winners, .close), ("semicolon-no-winners", .winners([]), .close),
            ])
    }

    @Test("lines")
    func lines() throws {
        let dialect = LinesDialect()
        try chunk(dialect, "lines-chunk")
        #expect(try request(dialect, "lines-empty-chunk") == .chunk(nil, Samples.chunk(sequence: 0, bets: [])))
        #expect(try request(dialect, "lines-confirmation") == .finish(AgencyID(1)))
        #expect(try request(dialect, "lines-consult") == .consult(AgencyID(1), .init(wait: .afterFinish)))
        try out(
            dialect,
            [
                ("lines-ok", .stored(isLast: false), .stay), ("lines-error", .rejected(badBets: 1, reason: ""), .stay),
                ("lines-confirmed", .finished, .stay), ("lines-winners", Self.winners, .close),
                ("lines-no-winners", .winners([]), .close),
            ])
    }

    @Test("tlv")
    func tlv() throws {
        let dialect = TLVDialect()
        try chunk(dialect, "tlv-chunk")
        #expect(try request(dialect, "tlv-consult") == .consult(AgencyID(1), .init(finishes: true, wait: .never)))
        try out(
            dialect,
            [
                ("tlv-ok", .stored(isLast: false), .closeWhenQuiet), ("tlv-wait", .notDrawnYet, .closeWhenQuiet),
                ("tlv-winners", Self.winners, .closeWhenQuiet), ("tlv-no-winners", .winners([]), .closeWhenQuiet),
            ])
    }

    @Test("json")
    func json() throws {
        let dialect = JSONDialect()
        try chunk(dialect, "json-chunk")
        #expect(
            try request(dialect, "json-last-chunk")
                == .chunk(AgencyID(1), Samples.chunk(sequence: 0, bets: [], isLast: true)))
        #expect(try request(dialect, "json-consult") == .consult(AgencyID(1), .init(wait: .always)))
        try out(
            dialect,
            [
                ("json-ok", .stored(isLast: false), .stay), ("json-ok", .stored(isLast: true), .close),
                ("json-winners", Self.winners, .close), ("json-no-winners", .winners([]), .close),
            ])
    }

    @Test("pipe")
    func pipe() throws {
        let dialect = PipeDialect()
        try chunk(dialect, "pipe-chunk")
        #expect(try request(dialect, "pipe-end") == .finish(nil))
        #expect(try request(dialect, "pipe-consult") == .consult(AgencyID(1), .init(wait: .always)))
        #expect(try request(dialect, "pipe-ask-drawn") == .askDrawn)
        try out(
            dialect,
            [
                ("pipe-ok", .stored(isLast: false), .stay), ("pipe-rejected", .rejected(badBets: 1, reason: ""), .stay),
                ("pipe-end-ok", .finished, .stay), ("pipe-winners", Self.winners, .stay),
                ("pipe-no-winners", .winners([]), .stay), ("pipe-drawn", .drawn(true), .stay),
                ("pipe-not-drawn", .drawn(false), .stay),
            ])
    }

    @Test("echo")
    func echo() throws {
        let line = Array("Testing Message From SH\n".utf8)
        #expect(try request(EchoDialect(), "echo-line") == .echo(line))
        try out(EchoDialect(), [("echo-line", .echo(line), .close)])
    }

    @Test("what is refused, or not answered, where a dialect has no words for it, is closed")
    func noWords() {
        for dialect in [TLVDialect(), JSONDialect(), EchoDialect()] as [any Dialect] {
            var bytes: [UInt8] = []
            #expect(dialect.encode(.rejected(badBets: 1, reason: "no"), into: &bytes) == .close && bytes.isEmpty)
        }
        var bytes: [UInt8] = []
        #expect(TLVDialect().encode(.winners(["1", "12345678901"]), into: &bytes) == .close && bytes.isEmpty)
        #expect(LinesDialect().encode(.notDrawnYet, into: &bytes) == .close && bytes.isEmpty)
    }
}
