/// The agencies of a draw: those numbered from 1 to ``last``, except the excluded ones.
///
/// Without a roster none is excluded. A roster may leave out numbers.
package struct DrawAgencies: Equatable, Sendable {
    /// The highest number, up to ``Limits/maxAgencies``.
    package let last: UInt32
    /// Numbers up to ``last`` that are not agencies of the draw.
    package let excluded: Set<AgencyID>

    package init(_ last: UInt32, excluded: Set<AgencyID> = []) {
        self.last = last
        self.excluded = excluded
    }

    /// Makes the agencies of a list.
    package init(_ agencies: some Collection<AgencyID>) {
        let listed = Set(agencies)
        last = listed.max()?.rawValue ?? 0
        excluded = Set((0..<last).lazy.map { AgencyID($0 + 1) }).subtracting(listed)
    }

    package var count: UInt32 { last - UInt32(excluded.count) }

    package func contains(_ agency: AgencyID) -> Bool {
        agency.rawValue >= 1 && agency.rawValue <= last && !excluded.contains(agency)
    }

    /// The agencies by number.
    package var members: some Sequence<AgencyID> {
        (0..<last).lazy.map { AgencyID($0 + 1) }.filter { !excluded.contains($0) }
    }

    /// Returns the reason that an agency is not one of them; nil if it is.
    package func fault(of agency: AgencyID) -> String? {
        if contains(agency) { return nil }
        return excluded.isEmpty
            ? "there is no agency \(agency); the agencies of this draw are 1 to \(last)"
            : "agency \(agency) is not one of the \(count) agencies of this draw"
    }
}

extension DrawAgencies: ExpressibleByIntegerLiteral {
    package init(integerLiteral last: UInt32) { self.init(last) }
}
