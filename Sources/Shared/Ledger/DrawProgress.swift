private import Foundation

/// `progress.json`: what the winners service says before the draw.
package struct DrawProgress: Codable, Equatable, Sendable {
    package enum State: String, Codable, Sendable {
        /// To `sealed`.
        case open
        /// To `published`.
        case sealed
        /// Final.
        case published
    }

    package var draw: DrawID
    package var state: State
    package var expectedAgencies: UInt32
    package var finishedAgencies: [AgencyID]

    package init(
        draw: DrawID, state: State, expectedAgencies: UInt32, finishedAgencies: [AgencyID]
    ) {
        self.draw = draw
        self.state = state
        self.expectedAgencies = expectedAgencies
        self.finishedAgencies = finishedAgencies
    }

    package var fileBytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // Strings and integers only: encoding them cannot fail.
        return Array((try? encoder.encode(self)) ?? Data()) + Array("\n".utf8)
    }

    /// Nil for anything but what ``fileBytes`` writes.
    package init?(fileBytes bytes: [UInt8]) {
        guard let progress = try? JSONDecoder().decode(DrawProgress.self, from: Data(bytes)) else {
            return nil
        }
        self = progress
    }
}
