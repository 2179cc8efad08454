package import AgencyLanguages
package import Dialects

/// A dialect that carries bets, and the language of its agencies.
package struct DialectPair: Sendable, CustomStringConvertible {
    package let dialect: any Dialect
    package let language: any AgencyLanguage

    package var description: String { dialect.name }

    /// One pair for each registered language of a dialect.
    package static let all: [DialectPair] = LanguageRegistry.all.compactMap { language in
        DialectRegistry.all.first { $0.name == language.name }.map { DialectPair(dialect: $0, language: language) }
    }
}
