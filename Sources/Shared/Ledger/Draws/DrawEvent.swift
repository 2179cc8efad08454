package import Domain
private import Foundation
private import WireProtocol

/// A line of `events.log`: an action of the service or of an operator.
///
/// Each line holds the SHA-256 of the line before, so that a changed, removed or inserted line shows.
package struct DrawEvent: Codable, Equatable, Sendable {
    package enum Kind: String, Codable, CaseIterable, Sendable {
        case serviceStarted = "service started"
        case serviceStopped = "service stopped"
        case opened
        case missed
        case cutOffMoved = "cut-off moved"
        case closeOrdered = "close ordered"
        case late
        case sealed
        /// The first of two entries of a number; the second must agree.
        case numberEntered = "number entered"
        case numbersDiffer = "numbers differ"
        case numberKnown = "number known"
        case drawn
        case published
        case void
        case clockStepped = "clock stepped"
        case damageFound = "damage found"
        case rosterChanged = "roster changed"
        /// Peers that may not speak for an agency, gathered over ten seconds.
        case denied
    }

    package var time: Instant
    package var event: Kind
    package var draw: DrawID?
    /// The user of the operator, or `calendar`.
    package var by: String?
    /// Why a ledger was sealed, a draw is void or a peer was denied; what a new roster changes.
    package var reason: String?
    package var cutOff: Instant?
    /// How long after the cut-off the ledger was sealed.
    package var lateMilliseconds: UInt64?
    package var bets: UInt64?
    package var finished: Int?
    /// By number, at most ``maxListed``; ``unfinishedCount`` and ``absentCount`` count all of them.
    package var unfinished: [AgencyID]?
    package var unfinishedCount: Int?
    package var absent: [AgencyID]?
    package var absentCount: Int?
    /// The agencies with their first late chunk, or those that denied peers named.
    package var agencies: [AgencyID]?
    package var number: UInt16?
    package var winningBets: UInt64?
    /// Of the ledger or the roster.
    package var sha256: String?
    /// The version of the program, and the SHA-256 of its configuration.
    package var build: String?
    package var configuration: String?
    package var stepMilliseconds: Int?
    /// The denied connections, and some of their addresses.
    package var denials: Int?
    package var addresses: [String]?
    /// Whether the event was written at a restart, because a crash came between what happened and its line.
    package var recovered: Bool?
    /// The SHA-256 of the line before, without its end; 64 zeros for the first.
    package var previous = ""

    /// The most agencies that an event lists.
    package static let maxListed = 100

    package init(_ event: Kind, draw: DrawID? = nil, time: Instant, by: String? = nil) {
        self.event = event
        self.draw = draw
        self.time = time
        self.by = by
    }

    /// The SHA-256 that the first line holds.
    package static let noPrevious = String(repeating: "0", count: 64)

    /// The line, without its end.
    package var line: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let line = try? encoder.encode(self) else {
            preconditionFailure("strings and integers cannot be encoded")
        }
        return Array(line)
    }

    /// Reads a line; nil unless it is an event.
    package init?(line: some Sequence<UInt8>) {
        guard let event = try? JSONDecoder().decode(DrawEvent.self, from: Data(line)) else { return nil }
        self = event
    }

    /// The hash that the next line holds.
    package static func hash(line: some Sequence<UInt8>) -> String { hexadecimal(SHA256.hash(data: Array(line))) }
}
