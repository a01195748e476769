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

// Returns the index of the string table. It must be the last section of the
// file.
template <class ELFT>
static Expected<size_t>
findStringTable(const ELFFile<ELFT> &File,
                ArrayRef<typename ELFT::Shdr> Sections) {
  size_t Index = File.getHeader().e_shstrndx;
  if (Index == ELF::SHN_XINDEX && !Sections.empty())
    Index = Sections[0].sh_link; // more sections than 16 bits count
  if (Index >= Sections.size())
    return stepError("INVALID_OBJECT", "the object has no string table");
  uint64_t Offset = Sections[Index].sh_offset;
  if (Offset > File.getBufSize())
    return stepError("INVALID_OBJECT", "the string table is out of bounds");
  for (const auto &Section : Sections)
    if (&Section != &Sections[Index] && Section.sh_type != ELF::SHT_NOBITS &&
        (Section.sh_offset > Offset ||
         Section.sh_size > Offset - Section.sh_offset))
      return stepError("INVALID_OBJECT", "the string table is not the last");
  return Index;
}

template <class ELFT> class ObjectRenamer {
public:
  ObjectRenamer(const ELFFile<ELFT> &File, const LinkNameTable &Names)
      : File(File), Names(Names) {}

  Expected<Bytes> run();

private:
  using Shdr = typename ELFT::Shdr;
  using Sym = typename ELFT::Sym;

  Error renameSections(ArrayRef<Shdr> Sections);
  Error renameSymbolTable(const Shdr &Section);
  uint32_t addString(StringRef String);

  const ELFFile<ELFT> &File;
  const LinkNameTable &Names;
  Bytes Result;
  Bytes Strings;
  std::vector<Shdr> Headers;
};

template <class ELFT>
uint32_t ObjectRenamer<ELFT>::addString(StringRef String) {
  if (String.empty())
    return 0;
  uint32_t Offset = Strings.size();
  appendName(Strings, String);
  return Offset;
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
  Expected<size_t> StringTable = findStringTable(File, *Sections);
  if (!StringTable)
    return StringTable.takeError();

  uint64_t TableOffset = (*Sections)[*StringTable].sh_offset;
  Result.append(File.base(), File.base() + TableOffset);
  Strings.push_back('\0');
  if (Error E = renameSections(*Sections))
    return E;
  for (const Shdr &Section : *Sections)
    if (Section.sh_type == ELF::SHT_SYMTAB)
      if (Error E = renameSymbolTable(Section))
        return E;

  Headers[*StringTable].sh_size = Strings.size();
  Result.append(Strings.begin(), Strings.end());
  Result.resize(alignTo(Result.size(), sizeof(typename ELFT::uint)));
  auto *Header = reinterpret_cast<typename ELFT::Ehdr *>(Result.data());
  Header->e_shoff = Result.size();
  auto *HeaderBytes = reinterpret_cast<const char *>(Headers.data());
  Result.append(HeaderBytes, HeaderBytes + Headers.size() * sizeof(Shdr));
  return Result;
}

// Calls Work with the file, which has a class and a byte order.
template <class Function>
static Error withElf(StringRef Object, Function Work) {
  auto Call = [&](auto File) { return File ? Work(*File) : File.takeError(); };
  auto [Class, Data] = getElfArchType(Object);
  bool IsLittle = Data == ELF::ELFDATA2LSB;
  if (Object.starts_with(ELF::ElfMagic) && Class == ELF::ELFCLASS64)
    return IsLittle ? Call(ELF64LEFile::create(Object))
                    : Call(ELF64BEFile::create(Object));
  if (Object.starts_with(ELF::ElfMagic) && Class == ELF::ELFCLASS32)
    return IsLittle ? Call(ELF32LEFile::create(Object))
                    : Call(ELF32BEFile::create(Object));
  return stepError("INVALID_OBJECT", "not an ELF object");
}

Expected<Bytes> renameSymbols(StringRef Object, StringRef LinkNames) {
  LinkNameTable Names(LinkNames);
  Bytes Renamed;
  Error Failure = withElf(Object, [&]<class ELFT>(const ELFFile<ELFT> &File) {
    return ObjectRenamer<ELFT>(File, Names).run().moveInto(Renamed);
  });
  if (Failure)
    return stepError("INVALID_OBJECT", std::move(Failure));
  return Renamed;
}

Error checkObject(StringRef Object) {
  Error Failure = withElf(Object, []<class ELFT>(const ELFFile<ELFT> &File) {
    auto Sections = File.sections();
    return Sections ? findStringTable(File, *Sections).takeError()
                    : Sections.takeError();
  });
  if (Failure)
    return stepError("INVALID_OBJECT", std::move(Failure));
  return Error::success();
}

} // namespace finegrain
