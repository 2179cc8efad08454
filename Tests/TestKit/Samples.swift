package import Domain
package import Ledger
package import WireProtocol

/// Sample bets, chunks and results for tests.
package enum Samples {
    /// The two bets of docs/protocol.md.
    package static let documentedBets = [
        Bet(
            firstName: "Santiago Lionel", lastName: "Lorca", document: "30904465",
            birthdate: Birthdate(packed: 19_990_317), number: 7574),
        Bet(
            firstName: "Tiago Nicolás", lastName: "Rivera", document: "34407251",
            birthdate: Birthdate(packed: 20_010_829), number: 1033),
    ]

    package static let today = Birthdate(packed: 20_261_121)

    /// Returns a valid bet that depends on `index`.
    package static func bet(_ index: Int) -> Bet {
        Bet(
            firstName: index % 3 == 0 ? "José \(index)" : "Ana", lastName: "Núñez\(index % 7)",
            document: "\(30_000_000 + index)", birthdate: Birthdate(packed: 19_900_101 + UInt32(index % 28)),
            number: UInt16(index % 10_000))
    }

    package static func chunk(
        sequence: UInt32, bets: [Bet], isLast: Bool = false
    ) -> Chunk {
        var builder = BetColumnsBuilder()
        for bet in bets { builder.append(bet) }
        return builder.takeChunk(sequence: sequence, isLast: isLast)
    }

    /// Returns a chunk of `count` bets that are unique to its agency and sequence.
    package static func chunk(
        agency: Int, sequence: UInt32, count: Int = 3, isLast: Bool = false
    ) -> Chunk {
        let first = agency * 100_000 + Int(sequence) * 100
        return chunk(sequence: sequence, bets: (first..<first + count).map(bet), isLast: isLast)
    }
}

/// A generator with the same numbers for the same seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension Samples {
    /// The draw `default`.
    package static let draw: DrawID = {
        guard let draw = DrawID("default") else { preconditionFailure("default is the name of a draw") }
        return draw
    }()
}

extension Samples {
    /// Returns a result of version 1, which contains its winners and needs no winners file.
    ///
    /// - Parameter winners: those of agency 1, 2 …; each agency has four more bets that do not win.
    package static func result(winners: [[String]], winningNumber: UInt16 = 7574) -> DrawResult {
        let agencies = winners.enumerated().map { index, documents in
            DrawResult.Agency(
                agency: AgencyID(UInt32(index + 1)), bets: UInt64(documents.count + 4), rejectedBets: UInt64(index),
                winningBets: UInt64(documents.count), winners: documents)
        }
        let seal = SealRecord(
            reason: .allFinished, instant: Instant(milliseconds: 0), bets: agencies.reduce(0) { $0 + $1.bets },
            agencies: UInt32(agencies.count))
        var result = DrawResult(
            draw: draw, ledgerID: 0, number: DrawnNumber(number: winningNumber, method: "configured"), seal: seal,
            ledgerBytes: 1 << 30, ledgerSHA256: "", winningBets: agencies.reduce(0) { $0 + $1.winningBets },
            winnersFile: .init(bytes: 0, sha256: ""), agencies: agencies)
        result.version = 1
        result.seal = nil
        result.isNumberKnownBeforeSeal = nil
        result.ledgerID = nil
        result.winnersFile = nil
        return result
    }

    /// Returns the winners file of ``result(winners:winningNumber:)``.
    package static func winnersFile(_ winners: [[String]]) throws -> WinnersFile {
        try WinnersFile("", of: result(winners: winners), on: SimulatedDisk())
    }
}
