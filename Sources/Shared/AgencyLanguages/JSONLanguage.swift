private import Foundation
import WireProtocol

/// The agency's side of ``JSONDialect``.
package struct JSONLanguage: AgencyLanguage {
    package let name = "json"

    private enum Kind {
        static let chunk = 1
        static let lastChunk = 2
        static let consult = 3
        static let winners = 2
    }

    private struct Told: Decodable {
        var kind: Int
        var payload: String?

        enum CodingKeys: String, CodingKey {
            case kind = "type_message"
            case payload
        }
    }

    package let hasWinnersPort = true
    package let isOneMessagePerConnection = false
    package let rejectionCloses = true

    package init() {}

    package var separator: String? { "," }
    package var abilities: Set<AgencyAbility> { Set(AgencyAbility.allCases) }

    package var nonsense: AgencyNonsense {
        AgencyNonsense(
            empty: [UInt8](counted: ""),
            unknown: [UInt8](counted: #"{"type_message": 9, "agency": "1", "payload": null}"#),
            header: [0xFF, 0xFF, 0xFF, 0xFF])
    }

    package func chunk(_ rows: [[String]], agency: String, isLast: Bool) -> [UInt8] {
        let payload = rows.map { literal($0.joined(separator: ",")) }.joined(separator: ", ")
        return [UInt8](
            counted:
                #"{"type_message": \#(isLast ? Kind.lastChunk : Kind.chunk), "agency": "\#(agency)", "payload": [\#(payload)]}"#
        )
    }

    package func finish(agency: String) -> [UInt8]? { chunk([], agency: agency, isLast: true) }

    package func consult(agency: String) -> [UInt8] {
        [UInt8](counted: #"{"type_message": \#(Kind.consult), "agency": "\#(agency)", "payload": null}"#)
    }

    package func reply(_ bytes: [UInt8], to question: AgencyQuestion) -> AgencyReading {
        guard let range = bytes.countedRange else { return .needsBytes }
        guard let answer = try? JSONDecoder().decode(Told.self, from: Data(bytes[range])) else {
            return .invalid
        }
        switch (question, answer.kind, answer.payload) {
        case (.chunk, Kind.chunk, nil): return .reply(.stored, byteCount: range.upperBound)
        case (.finish, Kind.chunk, nil): return .reply(.finished, byteCount: range.upperBound)
        case (.consult, Kind.winners, let list?):
            return .reply(.winners(list.split(separator: ",").map(String.init)), byteCount: range.upperBound)
        default: return .invalid
        }
    }

    /// Returns a JSON literal in ASCII.
    private func literal(_ text: String) -> String {
        var literal = "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22, 0x5C: literal += "\\" + String(UnicodeScalar(UInt8(unit)))
            case 0x20..<0x7F: literal += String(UnicodeScalar(UInt8(unit)))
            default: literal += "\\u" + String(0x1_0000 + Int(unit), radix: 16).dropFirst()
            }
        }
        return literal + "\""
    }
}
