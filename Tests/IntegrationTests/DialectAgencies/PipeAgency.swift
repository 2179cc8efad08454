import Platform
import TestKit

/// An agency of the `pipe` dialect that uses one connection.
struct PipeAgency: DialectAgency {
    let id: Int
    let service: Endpoint

    func run(rows: [[String]], chunkBets: Int) throws -> [String] {
        let socket = try TestSocket(service)
        for bets in chunks(rows, of: chunkBets) {
            let lines = bets.map { "\(id)|" + $0.joined(separator: "|") + "\n" }
            try socket.send(Self.frame(lines.joined()))
            try socket.expect(Self.frame("ACK\n"))
        }
        try socket.send(Self.frame("END\n"))
        try socket.expect(Self.frame("END ACK\n"))
        try socket.send(Self.frame("CON|\(id)"))
        return try Self.winners(socket)
    }

    static func frame(_ text: String) -> [UInt8] {
        UInt32(text.utf8.count).bigEndianBytes + Array(text.utf8)
    }

    /// Reads the answer to CON: the documents on one line.
    static func winners(_ socket: TestSocket) throws -> [String] {
        let length = try socket.take(4, of: "a length").bigEndianNumber
        let line = try socket.take(length, of: "winners")
        guard line.last == UInt8(ascii: "\n") else {
            throw DialectAgencyError(expected: "winners and a line end", came: line)
        }
        return line.count == 1
            ? [] : try documents(String(decoding: line.dropLast(), as: UTF8.self), separator: "|")
    }
}
