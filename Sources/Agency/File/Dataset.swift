import Domain

/// Bets generated from a seed; the same seed gives the same bytes.
struct Dataset {
    private static let firstNames = [
        "Agustín", "Álvaro", "Ana", "Belén", "Bruno", "Camila", "Cecilia", "Darío", "Elías",
        "Emilia", "Facundo", "Gastón", "Inés", "Íñigo", "Joaquín", "Julieta", "Lautaro", "Lucía",
        "Martín", "Micaela", "Nicolás", "Noelia", "Ñata", "Óscar", "Paula", "Ramiro", "Renée",
        "Sofía", "Tomás", "Úrsula", "Valentín", "Zoe",
    ]
    private static let lastNames = [
        "Acuña", "Aguirre", "Benítez", "Bustos", "Cáceres", "Castro", "D'Angelo", "Domínguez",
        "Echagüe", "Fernández", "Giménez", "Güemes", "Herrera", "Ibáñez", "Juárez", "Ledesma",
        "López", "Müller", "Muñoz", "Núñez", "Ojeda", "Paz", "Peña", "Quiroga", "Ríos", "Sáenz",
        "Suárez", "Toledo", "Urquiza", "Vélez", "Yáñez", "Zárate",
    ]

    private var random: SplitMix64
    private let winningNumber: UInt16

    init(seed: UInt64, winningNumber: UInt16) {
        random = SplitMix64(state: seed)
        self.winningNumber = winningNumber
    }

    /// Shares out the bets: agency n has a share of 1/n; the first gets the rounding difference.
    static func sizes(bets: Int, agencies: Int) -> [Int] {
        let shares = (1...agencies).map { 1 / Double($0) }
        let sum = shares.reduce(0, +)
        var sizes = shares.map { Int(Double(bets) * $0 / sum) }
        sizes[0] += bets - sizes.reduce(0, +)
        return sizes
    }

    mutating func appendRow(to rows: inout [UInt8], winners: inout [String]) {
        var firstName = pick(Self.firstNames)
        if random.next() % 3 == 0 { firstName += " " + pick(Self.firstNames) }
        let lastName = pick(Self.lastNames)
        let document = String(20_000_000 + random.next() % 25_000_000)
        let year = 1940 + UInt32(random.next() % 67)
        let month = 1 + UInt32(random.next() % 12)
        let day = 1 + UInt32(random.next() % 28)
        let birthdate = Birthdate(packed: year * 10_000 + month * 100 + day)
        let isFavourite = random.next() % 500 == 0
        let number = isFavourite ? winningNumber : UInt16(random.next() % 10_000)
        if number == winningNumber { winners.append(document) }
        rows.append(
            contentsOf: "\(firstName),\(lastName),\(document),\(birthdate),\(number)\r\n".utf8)
    }

    private mutating func pick(_ names: [String]) -> String {
        names[Int(random.next() % UInt64(names.count))]
    }
}

/// Sebastiano Vigna's SplitMix64, a small generator with the same output on every machine.
///
/// Source: https://prng.di.unimi.it/splitmix64.c
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
