import Testing

@testable import Shell

struct LogTimeTests {
    @Test("a time has its zone, and in JSON its microseconds")
    func forms() {
        let time = LogTime(seconds: 1_795_223_475, microseconds: 42)
        #expect(time.text.wholeMatch(of: #/2026-11-2[01] \d\d:\d\d:15[+-]\d\d:\d\d/#) != nil, "\(time.text)")
        #expect(
            time.rfc3339.wholeMatch(of: #/2026-11-2[01]T\d\d:\d\d:15\.000042[+-]\d\d:\d\d/#) != nil, "\(time.rfc3339)")
    }

    @Test("a time before 1970 is written too")
    func early() {
        #expect(LogTime(seconds: -86_400, microseconds: 0).text.hasPrefix("19"))
    }
}
