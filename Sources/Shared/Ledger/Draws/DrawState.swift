package import Storage

/// The state of a draw.
///
/// Derived from which files exist and whether the ledger has its seal; never stored.
package enum DrawState: String, Codable, Sendable {
    /// There is no ledger yet; → `open`.
    case planned
    /// → `sealed` by the last agency, the cut-off or an operator; → `void`.
    case open
    /// → `drawn` once the number is known; → `void`.
    case sealed
    /// The number is known; → `published`.
    case drawn
    /// Final.
    case published
    /// Final.
    case void

    /// - Parameter isSealed: whether the ledger has its seal.
    package init(_ folder: DrawFolder, isSealed: Bool, on disk: any Disk) {
        self =
            if disk.stamp(folder.void) != nil { .void } else if disk.stamp(folder.result) != nil {
                .published
            } else if !isSealed { .open } else { disk.stamp(folder.number) == nil ? .sealed : .drawn }
    }

    /// Whether nothing changes any more.
    ///
    /// A void draw is final once its bets are listed.
    package static func isFinal(_ folder: DrawFolder, on disk: any Disk) -> Bool {
        disk.stamp(folder.result) != nil || disk.stamp(folder.void) != nil && disk.stamp(folder.refunds) != nil
    }
}
