import Platform
import TestKit

/// An agency of the `lines` dialect that uses one connection.
///
/// Like the program it reads each answer once, into a fresh buffer, and takes the bytes for the whole answer.
struct LinesAgency: DialectAgency {
    let id: Int
    let service: Endpoint

    func run(rows: [[String]], chunkBets: Int) throws -> [String] {
        let socket = try TestSocket(service)
        for bets in chunksUntilShort(rows, of: chunkBets) {
            try socket.send(Self.message("BET", bets.flatMap { ["\(id)"] + $0 }))
            try socket.expect(Array("Success :)\n\n".utf8))
        }
        try socket.send(Self.message("CONFIRMATION", ["\(id)"]))
        try socket.expect(Array("OK\n\n".utf8))
        try socket.send(Self.message("WINNERS", ["\(id)"]))
        let winners = try Self.winners(try socket.takeOnce("winners"))
        try socket.expectEnd()
        return winners
    }

    static func message(_ kind: String, _ lines: [String]) -> [UInt8] {
        Array(([kind] + lines + [""]).map { $0 + "\n" }.joined().utf8)
    }

    /// Parses the answer to WINNERS: the documents, then three line ends.
    static func winners(_ answer: [UInt8]) throws -> [String] {
        let end = Array("\n\n\n".utf8)
        guard answer.suffix(3) == end[...] else {
            throw DialectAgencyError(expected: "winners and three line ends", came: answer)
        }
        return answer == end
            ? [] : try documents(String(decoding: answer.dropLast(3), as: UTF8.self), separator: "\n")
    }
}
