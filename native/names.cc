#include "names.h"
#include "symbols.h"
#include "tbaa.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Mangler.h"
#include "llvm/IR/RuntimeLibcalls.h"

using namespace llvm;

namespace finegrain {

static constexpr StringLiteral LocalPrefix = "fg.";
static constexpr StringLiteral PromotedInfix = ".llvm.";

static std::string localName(size_t Position) {
  return (LocalPrefix + Twine(Position)).str();
}

std::string promotedSuffix(StringRef ModuleId) {
  return (PromotedInfix + ModuleId).str();
}

// Finds the local name at or after From: its start, its end and its position.
static bool findLocalName(StringRef Name, size_t From, size_t &Start,
                          size_t &End, size_t &Position) {
  for (Start = Name.find(LocalPrefix, From); Start != StringRef::npos;
       Start = Name.find(LocalPrefix, Start + 1)) {
    StringRef Before = Name.take_front(Start);
    // Private symbols have ".L" before their names.
    if (Start != 0 && isAlnum(Before.back()) && !Before.ends_with(".L"))
      continue;
    StringRef Digits =
        Name.substr(Start + LocalPrefix.size()).take_while([](char C) {
          return isDigit(C);
        });
    if (Digits.empty() || Digits.getAsInteger(10, Position))
      continue;
    End = Start + LocalPrefix.size() + Digits.size();
    return true;
  }
  return false;
}

static bool holdsLocalName(StringRef Name) {
  size_t Start, End, Position;
  return findLocalName(Name, 0, Start, End, Position);
}

// ---- kept names

KeptNames::KeptNames(const Module &M) : Library(M.getTargetTriple()) {
  // Names inside assembly text bind when that text is assembled.
  Text.add(M.getModuleInlineAsm());
  for (const Function &F : M) {
    if (F.hasPersonalityFn())
      if (auto *Personality =
              dyn_cast<GlobalValue>(F.getPersonalityFn()->stripPointerCasts()))
        Text.add(Personality->getName());
    addAttributes(F.getAttributes());
    // Splitting a coroutine writes its name into the parts' debug information.
    if (F.isPresplitCoroutine() && F.getSubprogram())
      Text.add(F.getName());
    for (const Instruction &I : instructions(F))
      if (auto *Call = dyn_cast<CallBase>(&I)) {
        addAttributes(Call->getAttributes());
        if (auto *Asm = dyn_cast<InlineAsm>(Call->getCalledOperand()))
          Text.add(Asm->getAsmString());
      }
  }
  // A section has a symbol of its name.
  for (const GlobalObject &Object : M.global_objects())
    Text.add(Object.getSection());
  // Module flags and linker directives may name symbols in strings.
  for (const NamedMDNode &Named : M.named_metadata())
    if (!Named.getName().starts_with("llvm.dbg.") &&
        Named.getName() != "llvm.errno.tbaa")
      for (const MDNode *Node : Named.operands())
        addMetadata(Node);
}

// Takes the first word off Text. What else is in a name may as well be syntax
// around it: "$name", "{name|name}", a quote.
static StringRef takeWord(StringRef &Text) {
  auto IsWordCharacter = [](char C) {
    return isAlnum(C) || C == '_' || C == '.' || !isASCII(C);
  };
  Text = Text.drop_until(IsWordCharacter);
  StringRef Word = Text.take_while(IsWordCharacter);
  Text = Text.drop_front(Word.size());
  return Word;
}

void TextWords::add(StringRef Text) {
  for (StringRef Word = takeWord(Text); !Word.empty(); Word = takeWord(Text)) {
    Words.insert(Word);
    // A vector variant has the scalar function's name at its end:
    // "_ZGVbN2v_name", where "_LLVM_" may stand for the "b".
    if (Word.consume_front("_ZGV")) {
      Word.consume_front("_LLVM_");
      if (StringRef Scalar = Word.split('_').second; !Scalar.empty())
        Words.insert(Scalar);
    }
  }
}

bool TextWords::mayHold(StringRef Name) const {
  for (StringRef Word = takeWord(Name); !Word.empty(); Word = takeWord(Name))
    if (!Words.contains(Word))
      return false;
  return true;
}

bool TextWords::holdLocalName() const {
  return any_of(Words.keys(), holdsLocalName);
}

// Some attributes name a symbol in their value ("probe-stack",
// "vector-function-abi-variant", "alloc-variant-zeroed").
void KeptNames::addAttributes(const AttributeList &Attributes) {
  if (!Seen.insert(Attributes.getRawPointer()).second)
    return;
  for (AttributeSet Set : Attributes)
    for (Attribute A : Set)
      if (A.isStringAttribute() && A.getKindAsString() != "target-features")
        Text.add(A.getValueAsString());
}

void KeptNames::addMetadata(const MDNode *Node) {
  if (!Node || !Seen.insert(Node).second)
    return;
  for (const MDOperand &Operand : Node->operands()) {
    if (auto *String = dyn_cast_or_null<MDString>(Operand.get()))
      Text.add(String->getString());
    else if (auto *Child = dyn_cast_or_null<MDNode>(Operand.get()))
      addMetadata(Child);
  }
}

bool KeptNames::contains(const GlobalValue &Global) const {
  StringRef Name = Global.getName();
  if (Name.starts_with("llvm.") || Name == "main" || Text.mayHold(Name))
    return true;
  // An escaped name may be another symbol's plain one: they are the same.
  if (Name.starts_with("\1"))
    return true;
  // An internal symbol that was made visible to other units means nothing.
  if (Name.contains(PromotedInfix))
    return false;
  // Names reserved to the implementation: passes, code generation and the
  // loader know many of them. Internal ones ("__func__.f") mean nothing.
  if (Name.starts_with("__") && !Global.hasLocalLinkage())
    return true;
  if (Name == "_GLOBAL_OFFSET_TABLE_" || Name == "_TLS_MODULE_BASE_")
    return true;
  LibFunc Ignored;
  if (Library.getLibFunc(Name, Ignored))
    return true;
  return !RTLIB::RuntimeLibcallsInfo::lookupLibcallImplName(Name).empty();
}

// ---- assigning and restoring

void appendName(PackedNames &Packed, StringRef Name) {
  Packed.append(Name.begin(), Name.end());
  Packed.push_back('\0');
}

std::vector<StringRef> unpackNames(StringRef Packed) {
  std::vector<StringRef> Names;
  while (!Packed.empty()) {
    auto [Name, Rest] = Packed.split('\0');
    Names.push_back(Name);
    Packed = Rest;
  }
  return Names;
}

static bool canBePacked(StringRef Name) { return !Name.contains('\0'); }

static void setComdats(Module &M, const StringMap<Comdat *> &Renamed) {
  for (GlobalObject &Object : M.global_objects())
    if (Comdat *Old = Object.getComdat())
      Object.setComdat(Renamed.lookup(Old->getName()));
}

namespace {
// Renames all at once: a new name may be another symbol's old one.
class Renaming {
public:
  explicit Renaming(Module &M) : M(M) {}

  void add(GlobalValue &Global, const Twine &Name) {
    Pending.emplace_back(&Global, Name.str());
  }
  void addComdat(StringRef Old, StringRef New) { ComdatNames[Old] = New.str(); }

  void apply() {
    StringMap<Comdat *> Comdats;
    for (const auto &[Old, New] : ComdatNames) {
      Comdat *C = M.getOrInsertComdat(New);
      C->setSelectionKind(
          M.getComdatSymbolTable().find(Old)->second.getSelectionKind());
      Comdats[Old] = C;
    }
    for (auto &[Global, Name] : Pending)
      Global->setName("");
    for (auto &[Global, Name] : Pending)
      Global->setName(Name);
    setComdats(M, Comdats);
  }

private:
  Module &M;
  std::vector<std::pair<GlobalValue *, std::string>> Pending;
  StringMap<std::string> ComdatNames;
};
} // namespace

// A module whose own names look like local names keeps them all.
static bool canHaveLocalNames(ArrayRef<GlobalValue *> Symbols,
                              const KeptNames &Kept) {
  return !Kept.text().holdLocalName() &&
         none_of(Symbols, [](const GlobalValue *Global) {
           StringRef Name = Global->getName();
           return !canBePacked(Name) || holdsLocalName(Name);
         });
}

void assignLocalNames(Module &M, ArrayRef<GlobalValue *> Symbols, bool Again,
                      Unit &U) {
  KeptNames Kept(M);
  if (!Again && !canHaveLocalNames(Symbols, Kept)) {
    dropAccessTypes(M); // other units have numbers for the same types
    return;
  }

  auto NewLocalName = [&](StringRef LinkName, uint32_t Flags = 0) {
    appendName(U.LinkNames, LinkName);
    U.Symbols.push_back(Flags);
    return localName(U.Symbols.size() - 1);
  };

  Renaming Rename(M);
  StringMap<std::string> LocalNames, TypeNames;
  for (GlobalValue *Global : Symbols) {
    StringRef Name = Global->getName();
    if (Name.empty())
      continue;
    std::string New = Kept.contains(*Global) ? Name.str() : NewLocalName(Name);
    if (New != Name)
      Rename.add(*Global, New);
    LocalNames[Name] = std::move(New);
  }
  // A comdat goes by the name of its leading symbol, if it has one.
  for (GlobalValue *Global : Symbols)
    if (auto *Object = dyn_cast<GlobalObject>(Global))
      if (const Comdat *C = Object->getComdat()) {
        auto [Entry, IsNew] = LocalNames.try_emplace(C->getName());
        if (IsNew)
          Entry->second = NewLocalName(C->getName());
        Rename.addComdat(C->getName(), Entry->second);
      }
  if (!M.getSourceFileName().empty())
    M.setSourceFileName(NewLocalName(M.getSourceFileName()));
  Rename.apply();
  renameAccessTypes(M, [&](StringRef Name) {
    auto [Entry, IsNew] = TypeNames.try_emplace(Name);
    if (IsNew)
      Entry->second = NewLocalName(Name, SF_AccessType);
    return Entry->second;
  });
}

std::optional<size_t> localPosition(StringRef Name) {
  size_t Position;
  if (!Name.consume_front(LocalPrefix) || Name.getAsInteger(10, Position))
    return std::nullopt;
  return Position;
}

void moveLocalNames(Module &M, ArrayRef<uint32_t> Positions) {
  Renaming Rename(M);
  for (GlobalValue &Global : M.global_values())
    if (std::optional<size_t> Old = localPosition(Global.getName()))
      if (*Old < Positions.size())
        Rename.add(Global, localName(Positions[*Old]));
  Rename.apply();
  renameAccessTypes(M, [&](StringRef Name) {
    std::optional<size_t> Old = localPosition(Name);
    return Old && *Old < Positions.size() ? localName(Positions[*Old])
                                          : Name.str();
  });
}

void restoreLinkNames(Module &M, StringRef Packed) {
  LinkNameTable Table(Packed);
  Renaming Rename(M);
  std::string Restored;
  for (GlobalValue &Global : M.global_values())
    if (Table.restore(Global.getName(), Restored))
      Rename.add(Global, Restored);
  for (GlobalObject &Object : M.global_objects())
    if (const Comdat *C = Object.getComdat())
      Rename.addComdat(C->getName(), Table.restore(C->getName(), Restored)
                                         ? StringRef(Restored)
                                         : C->getName());
  if (Table.restore(M.getSourceFileName(), Restored))
    M.setSourceFileName(Restored);
  Rename.apply();
  renameAccessTypes(M, [&](StringRef Name) {
    return Table.restore(Name, Restored) ? Restored : Name.str();
  });
}

LinkNameTable::LinkNameTable(StringRef Packed) : Names(unpackNames(Packed)) {}

bool LinkNameTable::restore(StringRef Name, std::string &Restored) const {
  Restored.clear();
  size_t Done = 0, Start, End, Position;
  for (size_t From = 0; findLocalName(Name, From, Start, End, Position);
       From = End) {
    if (Position >= Names.size())
      continue;
    Restored += Name.slice(Done, Start);
    Restored += Names[Position];
    Done = End;
  }
  if (Done == 0)
    return false;
  Restored += Name.drop_front(Done);
  return true;
}

} // namespace finegrain
