import Foundation
import Platform
import TestKit

/// An agency of the `json` dialect: bets on one port, winners on another, both connections open from its start.
struct JSONAgency: DialectAgency {
    let id: Int
    let ingest: Endpoint
    let winners: Endpoint

    func run(rows: [[String]], chunkBets: Int) throws -> [String] {
        let bets = try TestSocket(ingest)
        let consult = try TestSocket(winners)
        let chunks = chunksUntilShort(rows, of: chunkBets)
        for (index, chunk) in chunks.enumerated() {
            let payload = chunk.map { quoted($0.joined(separator: ",")) }.joined(separator: ", ")
            try send(type: index == chunks.count - 1 ? 2 : 1, payload: "[\(payload)]", on: bets)
            try bets.expect(frame(#"{"type_message": 1, "payload": null}"#))
        }
        try bets.expectEnd()
        try send(type: 3, payload: "null", on: consult)
        let documents = try documents(in: try body(consult))
        try consult.expectEnd()
        return documents
    }

    /// Sends length and body in one write.
    private func send(type: Int, payload: String, on socket: TestSocket) throws {
        try socket.send(frame(#"{"type_message": \#(type), "agency": "\#(id)", "payload": \#(payload)}"#))
    }

    private func frame(_ text: String) -> [UInt8] {
        UInt32(text.utf8.count).bigEndianBytes + Array(text.utf8)
    }

    /// Encodes a JSON string in ASCII.
    private func quoted(_ text: String) -> String {
        let characters = text.utf16.map { unit in
            switch unit {
            case 0x22: #"\""#
            case 0x5c: #"\\"#
            case 0x20...0x7e: String(UnicodeScalar(UInt8(unit)))
            default: #"\u"# + String(String(0x10000 + Int(unit), radix: 16).dropFirst())
            }
        }
        return #"""# + characters.joined() + #"""#
    }

    /// Reads a frame; like the program it takes one read for the length, which must arrive whole.
    private func body(_ socket: TestSocket) throws -> [UInt8] {
        let length = try socket.takeOnce("a length", maxBytes: 4)
        guard length.count == 4 else { throw DialectAgencyError(expected: "4 bytes of length at once", came: length) }
        return try socket.take(length.bigEndianNumber, of: "JSON")
    }

    /// Extracts the documents, which the answer holds in one string.
    private func documents(in answer: [UInt8]) throws -> [String] {
        let (start, end) = (Array(#"{"type_message": 2, "payload": "#.utf8), Array("}".utf8))
        guard answer.starts(with: start), answer.suffix(1) == end[...] else {
            throw DialectAgencyError(expected: "winners", came: answer)
        }
        let payload = Data(answer.dropFirst(start.count).dropLast())
        guard let text = try? JSONSerialization.jsonObject(with: payload, options: .fragmentsAllowed) as? String else {
            throw DialectAgencyError(expected: "winners in one string", came: answer)
        }
        return text.isEmpty ? [] : try Self.documents(text, separator: ",")
    }
}
