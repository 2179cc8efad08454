/// A calendar date as the number yyyymmdd, its form on the wire and in the ledger.
package struct Birthdate: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// For example 19990317; not validated: see ``isCalendarDate``.
    package let packed: UInt32

    package init(packed: UInt32) {
        self.packed = packed
    }

    /// The UTC date of a moment in milliseconds since 1970.
    ///
    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    package init(unixMilliseconds: UInt64) {
        let days = Int(unixMilliseconds / 86_400_000) + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let leapDays = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leapDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        self.init(packed: UInt32(year * 10_000 + month * 100 + day))
    }

    /// Days since 1970-01-01; nil unless it is a calendar date.
    ///
    /// Source: as above, `days_from_civil`.
    package var daysSince1970: Int? {
        guard isCalendarDate else { return nil }
        let shifted = Int(year) - (month <= 2 ? 1 : 0)
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((Int(month) + 9) % 12) + 2) / 5 + Int(day) - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    package var year: UInt32 { packed / 10_000 }
    package var month: UInt32 { packed / 100 % 100 }
    package var day: UInt32 { packed % 100 }

    /// Whether month and day exist, leap years included.
    package var isCalendarDate: Bool {
        let (year, month, day) = (year, month, day)
        guard (1...12).contains(month), day >= 1, year <= 9999 else { return false }
        if month == 2 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            return day <= (isLeap ? 29 : 28)
        }
        return day <= 30 + (month ^ month >> 3) & 1
    }

    /// yyyy-mm-dd.
    package var description: String {
        func padded(_ value: UInt32, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    package static func < (left: Birthdate, right: Birthdate) -> Bool {
        left.packed < right.packed
    }
}
