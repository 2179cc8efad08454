/// The number of an agency: 1 … `agencies` of the configuration.
package struct AgencyID: RawRepresentable, Hashable, Comparable, Sendable, Codable,
    CustomStringConvertible
{
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// No agency: used in records that belong to the service itself.
    package static let none = AgencyID(0)

    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package var description: String { String(rawValue) }

    /// Returns the reason that the number is not in 1 … `agencies`; nil if it is.
    package func fault(agencies: UInt32) -> String? {
        rawValue >= 1 && rawValue <= agencies
            ? nil : "there is no agency \(self); the agencies of this draw are 1 to \(agencies)"
    }

    package static func < (left: AgencyID, right: AgencyID) -> Bool {
        left.rawValue < right.rawValue
    }
}
