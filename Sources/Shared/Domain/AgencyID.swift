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

    package static func < (left: AgencyID, right: AgencyID) -> Bool {
        left.rawValue < right.rawValue
    }
}
