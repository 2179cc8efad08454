import Platform
import TestKit

/// An agency of the `semicolon` dialect: lengths of 8 decimal digits, one connection.
///
/// It has the deadlines of the program: 5 s for an acknowledgement, 30 s for the winners.
struct SemicolonAgency: DialectAgency {
    let id: Int
    let service: Endpoint

    private static let acknowledgementSeconds = 5
    private static let winnersSeconds = 30

    func run(rows: [[String]], chunkBets: Int) throws -> [String] {
        let socket = try TestSocket(service, receiveSeconds: Self.winnersSeconds)
        for bets in chunksUntilShort(rows, of: chunkBets) {
            let lines = ["\(id);\(bets.count)"] + bets.map { $0.joined(separator: ";") }
            try socket.send(frame(lines.map { $0 + "\n" }.joined()))
            try within(seconds: Self.acknowledgementSeconds) {
                try socket.expect(frame("success;Batch stored successfully."))
            }
        }
        try socket.send(frame("END"))
        let text = try within(seconds: Self.winnersSeconds) { try body(socket) }
        try socket.expectEnd()
        return text == "NO_WINNERS" ? [] : try Self.documents(text, separator: ";")
    }

    private func frame(_ text: String) -> [UInt8] {
        let digits = String(text.utf8.count)
        return Array((String(repeating: "0", count: 8 - digits.count) + digits + text).utf8)
    }

    /// Reads a whole frame.
    private func body(_ socket: TestSocket) throws -> String {
        let digits = try socket.take(8, of: "a length")
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let length = Int(String(decoding: digits, as: UTF8.self))
        else { throw DialectAgencyError(expected: "8 digits", came: digits) }
        return String(decoding: try socket.take(length, of: "winners"), as: UTF8.self)
    }

    /// Fails if the answer arrives after the program's deadline.
    private func within<Answer>(seconds: Int, _ answer: () throws -> Answer) throws -> Answer {
        let start = ContinuousClock.now
        let result = try answer()
        let taken = ContinuousClock.now - start
        guard taken <= .seconds(seconds) else {
            throw DialectAgencyError(expected: "an answer within \(seconds) s", came: [], then: ": it took \(taken)")
        }
        return result
    }
}
