/// Formats numbers for people.
enum Figures {
    /// Formats for example `4,711`.
    static func grouped(_ number: Int) -> String {
        var groups: [Substring] = []
        var digits = String(number)[...]
        while digits.count > 3 {
            groups.append(digits.suffix(3))
            digits = digits.dropLast(3)
        }
        return ([digits] + groups.reversed()).joined(separator: ",")
    }

    /// Formats for example `1 bet`, `4,711 bets`.
    static func counted(_ number: Int, _ thing: String) -> String {
        "\(grouped(number)) \(thing)\(number == 1 ? "" : "s")"
    }

    /// Formats for example `0007`.
    static func four(_ number: UInt16) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
