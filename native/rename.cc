// Puts link names into the symbol table of an ELF object.
//
// LLVM writes .strtab last, just before the section headers, and keeps the
// names of sections and of symbols in it. So a new table and new headers take
// the place of the old ones, and nothing else moves: about a microsecond an
// object, where LLVM's objcopy library takes five times as long.

#include "error.h"
#include "names.h"
#include "steps.h"
#include "llvm/Object/ELF.h"

using namespace llvm;
using namespace llvm::object;

namespace finegrain {

template <class ELFT> class ObjectRenamer {
public:
  ObjectRenamer(const ELFFile<ELFT> &File, const LinkNameTable &Names)
      : File(File), Names(Names) {}

  Expected<Bytes> run();

private:
  using Shdr = typename ELFT::Shdr;
  using Sym = typename ELFT::Sym;

  Error checkLayout(ArrayRef<Shdr> Sections);
  Error renameSections(ArrayRef<Shdr> Sections);
  Error renameSymbolTable(const Shdr &Section);
  uint32_t addString(StringRef String);

  const ELFFile<ELFT> &File;
  const LinkNameTable &Names;
  Bytes Result;
  Bytes Strings;
  std::vector<Shdr> Headers;
  size_t StringTableIndex = 0;
};

template <class ELFT>
uint32_t ObjectRenamer<ELFT>::addString(StringRef String) {
  if (String.empty())
    return 0;
  uint32_t Offset = Strings.size();
  appendName(Strings, String);
  return Offset;
}

// The symbol's strings must lie in the last section of the file.
template <class ELFT>
Error ObjectRenamer<ELFT>::checkLayout(ArrayRef<Shdr> Sections) {
  StringTableIndex = File.getHeader().e_shstrndx;
  if (StringTableIndex == ELF::SHN_XINDEX && !Sections.empty())
    StringTableIndex = Sections[0].sh_link; // more sections than 16 bits count
  if (StringTableIndex >= Sections.size())
    return stepError("INVALID_OBJECT", "the object has no string table");
  uint64_t Offset = Sections[StringTableIndex].sh_offset;
  if (Offset > File.getBufSize())
    return stepError("INVALID_OBJECT", "the string table is out of bounds");
  for (const Shdr &Section : Sections)
    if (&Section != &Sections[StringTableIndex] &&
        Section.sh_type != ELF::SHT_NOBITS &&
        (Section.sh_offset > Offset ||
         Section.sh_size > Offset - Section.sh_offset))
      return stepError("INVALID_OBJECT", "the string table is not the last");
  return Error::success();
}

template <class ELFT>
Error ObjectRenamer<ELFT>::renameSections(ArrayRef<Shdr> Sections) {
  for (const Shdr &Section : Sections) {
    Expected<StringRef> Name = File.getSectionName(Section);
    if (!Name)
      return Name.takeError();
    Headers.push_back(Section);
    Headers.back().sh_name = addString(*Name);
  }
  return Error::success();
}

template <class ELFT>
Error ObjectRenamer<ELFT>::renameSymbolTable(const Shdr &Section) {
  Expected<typename ELFT::SymRange> Symbols = File.symbols(&Section);
  if (!Symbols)
    return Symbols.takeError();
  Expected<StringRef> OldStrings = File.getStringTableForSymtab(Section);
  if (!OldStrings)
    return OldStrings.takeError();
  auto *NewSymbols = reinterpret_cast<Sym *>(Result.data() + Section.sh_offset);
  std::string Restored;
  for (const Sym &Symbol : *Symbols) {
    Expected<StringRef> Name = Symbol.getName(*OldStrings);
    if (!Name)
      return Name.takeError();
    bool IsLocalName = Names.restore(*Name, Restored);
    NewSymbols++->st_name =
        addString(IsLocalName ? StringRef(Restored) : *Name);
  }
  return Error::success();
}

template <class ELFT> Expected<Bytes> ObjectRenamer<ELFT>::run() {
  Expected<typename ELFT::ShdrRange> Sections = File.sections();
  if (!Sections)
    return Sections.takeError();
  if (Error E = checkLayout(*Sections))
    return E;

  uint64_t TableOffset = (*Sections)[StringTableIndex].sh_offset;
  Result.append(File.base(), File.base() + TableOffset);
  Strings.push_back('\0');
  if (Error E = renameSections(*Sections))
    return E;
  for (const Shdr &Section : *Sections)
    if (Section.sh_type == ELF::SHT_SYMTAB)
      if (Error E = renameSymbolTable(Section))
        return E;

  Headers[StringTableIndex].sh_size = Strings.size();
  Result.append(Strings.begin(), Strings.end());
  Result.resize(alignTo(Result.size(), sizeof(typename ELFT::uint)));
  auto *Header = reinterpret_cast<typename ELFT::Ehdr *>(Result.data());
  Header->e_shoff = Result.size();
  auto *HeaderBytes = reinterpret_cast<const char *>(Headers.data());
  Result.append(HeaderBytes, HeaderBytes + Headers.size() * sizeof(Shdr));
  return Result;
}

template <class ELFT>
static Expected<Bytes> renameIn(StringRef Object, const LinkNameTable &Names) {
  Expected<ELFFile<ELFT>> File = ELFFile<ELFT>::create(Object);
  if (!File)
    return File.takeError();
  return ObjectRenamer<ELFT>(*File, Names).run();
}

static Expected<Bytes> renameByFormat(StringRef Object,
                                      const LinkNameTable &Names) {
  auto [Class, Data] = getElfArchType(Object);
  bool IsLittle = Data == ELF::ELFDATA2LSB;
  if (Object.starts_with(ELF::ElfMagic) && Class == ELF::ELFCLASS64)
    return IsLittle ? renameIn<ELF64LE>(Object, Names)
                    : renameIn<ELF64BE>(Object, Names);
  if (Object.starts_with(ELF::ElfMagic) && Class == ELF::ELFCLASS32)
    return IsLittle ? renameIn<ELF32LE>(Object, Names)
                    : renameIn<ELF32BE>(Object, Names);
  return stepError("INVALID_OBJECT", "not an ELF object");
}

Expected<Bytes> renameSymbols(StringRef Object, StringRef LinkNames) {
  Expected<Bytes> Result = renameByFormat(Object, LinkNameTable(LinkNames));
  if (!Result)
    return stepError("INVALID_OBJECT", Result.takeError());
  return Result;
}

} // namespace finegrain
