import Domain
import Testing

struct BirthdateTests {
    @Test(
        "dates outside the calendar are recognized",
        arguments: [
            (19_990_317, true), (20_000_229, true), (19_000_229, false), (20_230_229, false), (20_240_229, true),
            (20_240_230, false), (20_240_431, false), (20_240_430, true), (20_241_301, false), (20_240_001, false),
            (20_240_100, false), (20_240_132, false), (20_241_231, true), (20_240_831, true), (20_240_731, true),
            (20_240_631, false), (0, false), (4_294_967_295, false),
        ] as [(UInt32, Bool)])
    func calendar(_ packed: UInt32, _ isValid: Bool) {
        #expect(Birthdate(packed: packed).isCalendarDate == isValid)
    }

    @Test(
        "a moment has its date in UTC",
        arguments: [
            (0, 19_700_101), (86_399_999, 19_700_101), (86_400_000, 19_700_102), (951_782_400_000, 20_000_229),
            (951_868_800_000, 20_000_301), (1_763_683_199_999, 20_251_120), (1_763_683_200_000, 20_251_121),
            (4_102_444_800_000, 21_000_101),
        ] as [(UInt64, UInt32)])
    func moments(_ milliseconds: UInt64, _ packed: UInt32) {
        #expect(Birthdate(unixMilliseconds: milliseconds).packed == packed)
    }

    @Test("every day of two centuries follows the day before")
    func everyDay() {
        var previous = Birthdate(unixMilliseconds: 0)
        for day in 1..<73_000 as Range<UInt64> {
            let date = Birthdate(unixMilliseconds: day * 86_400_000)
            #expect(date.isCalendarDate && date > previous)
            previous = date
        }
        #expect(previous.description == "2169-11-12")
    }
}
