import Domain
import TestKit
import Testing
import WireProtocol

struct BetRulesTests {
    private func fault(_ body: () throws(BetFault) -> Void) -> BetFault? {
        do throws(BetFault) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test("a name has 1 to 255 bytes of UTF-8")
    func names() {
        func check(_ bytes: [UInt8]) -> BetFault? {
            fault { () throws(BetFault) in try BetRules.check(name: bytes.span, .first) }
        }
        #expect(check(Array("Ñ".utf8)) == nil)
        #expect(check([UInt8](repeating: 65, count: 255)) == nil)
        #expect(check([UInt8](repeating: 65, count: 256)) == .nameTooLong(.first, bytes: 256))
        #expect(check([]) == .nameEmpty(.first))
        #expect(check([0xC3]) == .nameNotUTF8(.first))
        #expect(check([0xED, 0xA0, 0x80]) == .nameNotUTF8(.first))
    }

    @Test("a name with a control character is invalid, by itself and in a chunk's columns")
    func controlCharacters() {
        let bad = ["a\u{0}", "\u{1F}b", "a\tb", "a\nb", "a\rb", "\u{7F}", "Ñ\u{80}", "a\u{9F}b", "\u{85}"]
        for name in bad {
            #expect(
                fault { () throws(BetFault) in try BetRules.check(name: Array(name.utf8).span, .last) }
                    == .nameControlCharacter(.last))
            var bets = (0..<40).map(Samples.bet)
            bets[17].lastName = name
            let chunk = Samples.chunk(sequence: 1, bets: bets)
            #expect(throws: ChunkFault.bet(index: 17, .nameControlCharacter(.last))) {
                try BetColumns(chunk.bets, count: chunk.count).check(today: Samples.today)
            }
        }
        for name in ["a|b;c,d\"e", "\u{A0}", "Â ", "ÿ~ ", "日本"] {
            #expect(fault { () throws(BetFault) in try BetRules.check(name: Array(name.utf8).span, .last) } == nil)
        }
    }

    @Test("a document has 1 to 20 ASCII letters and digits")
    func documents() {
        func check(_ text: String) -> BetFault? {
            fault { () throws(BetFault) in try BetRules.check(document: Array(text.utf8).span) }
        }
        #expect(check("30904465") == nil)
        #expect(check("12345678901") == nil)
        #expect(check("AbZz09") == nil)
        #expect(check(String(repeating: "9", count: 20)) == nil)
        #expect(check(String(repeating: "9", count: 21)) == .documentLength(bytes: 21))
        #expect(check("") == .documentLength(bytes: 0))
        #expect(check("30.904.465") == .documentCharacter)
        #expect(check("3090446é") == .documentCharacter)
    }

    @Test("a birthdate is written yyyy-mm-dd and is between 1900 and today")
    func birthdates() {
        func check(_ text: String) -> BetFault? {
            fault { () throws(BetFault) in
                let date = try BetRules.birthdate(Array(text.utf8).span)
                try BetRules.check(birthdate: date, today: Samples.today)
            }
        }
        #expect(check("1999-03-17") == nil)
        #expect(check("1900-01-01") == nil)
        #expect(check("2026-11-21") == nil)
        #expect(check("1899-12-31") == .birthdateTooEarly(Birthdate(packed: 18_991_231)))
        #expect(check("2026-11-22") == .birthdateInFuture(Birthdate(packed: 20_261_122)))
        #expect(check("2023-02-29") == .birthdateNotInCalendar(Birthdate(packed: 20_230_229)))
        for text in ["", "1999-3-17", "1999/03/17", "19990317", "1999-03-17 ", "-999-03-17", "abcd-ef-gh"] {
            #expect(check(text) == .birthdateFormat)
        }
    }

    @Test("0007 and 7 are the same number; 10000 is invalid")
    func numbers() {
        func number(_ text: String) -> Result<UInt16, BetFault> {
            Result { () throws(BetFault) in try BetRules.number(Array(text.utf8).span) }
        }
        #expect(number("7") == .success(7))
        #expect(number("0007") == .success(7))
        #expect(number("0") == .success(0))
        #expect(number("9999") == .success(9999))
        #expect(number("10000") == .failure(.numberTooLarge(10_000)))
        #expect(number("99999999999999999999") == .failure(.numberTooLarge(1_000_000)))
        for text in ["", "-1", "7.5", " 7", "7a", "0x7"] { #expect(number(text) == .failure(.numberFormat)) }
    }
}
