// Finds the LLVM modules in an input: bitcode, wrapped bitcode, textual IR, or
// an ar archive of these. Raw bitcode of one module passes through unparsed.

#include "blocks.h"
#include "error.h"
#include "module_io.h"
#include "steps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/Archive.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace finegrain {

// Internal symbols get it into their names, so it is to stay in most edits.
static std::string moduleId(const ModuleBlocks &Blocks, StringRef Digest) {
  if (Blocks.Id)
    return utohexstr(*Blocks.Id, /*LowerCase=*/false, /*Width=*/16);
  // An edit in a function leaves the tables as they are.
  StringRef Tables = Blocks.TablesDigest;
  return (Tables.empty() ? Digest : Tables).take_front(16).str();
}

static void addModule(std::vector<InputModule> &Modules, const Twine &Name,
                      Bytes Bitcode) {
  StringRef Content(Bitcode.data(), Bitcode.size());
  ModuleBlocks Blocks = digestBlocks(Content).value_or(ModuleBlocks());
  std::string Digest = toHex(BLAKE3::hash(arrayRefFromStringRef(Content)));
  std::string Id = moduleId(Blocks, Digest);
  Modules.push_back({Name.str(), std::move(Bitcode), std::move(Digest),
                     std::move(Id), std::move(Blocks.TablesDigest),
                     std::move(Blocks.FunctionDigests),
                     std::move(Blocks.SmallFunctions)});
}

static Error readBitcode(StringRef Input, StringRef Name,
                         std::vector<InputModule> &Modules) {
  const auto *Begin = Input.bytes_begin(), *End = Input.bytes_end();
  if (isBitcodeWrapper(Begin, End) &&
      SkipBitcodeWrapperHeader(Begin, End, /*VerifyBufferSize=*/true))
    return stepError("INVALID_INPUT", "Invalid bitcode wrapper header");
  StringRef Raw(reinterpret_cast<const char *>(Begin), End - Begin);

  Expected<std::vector<BitcodeModule>> Found =
      getBitcodeModuleList(MemoryBufferRef(Raw, Name));
  if (!Found)
    return stepError("INVALID_INPUT", Found.takeError());
  if (Found->empty())
    return stepError("INVALID_INPUT", "the bitcode holds no module");
  if (Found->size() == 1) {
    addModule(Modules, Name, Bytes(Raw.begin(), Raw.end()));
    return Error::success();
  }
  for (size_t I = 0; I != Found->size(); ++I) {
    LLVMContext Context;
    Expected<std::unique_ptr<Module>> M = (*Found)[I].parseModule(Context);
    if (!M)
      return stepError("INVALID_INPUT", M.takeError());
    addModule(Modules, Name + "(" + Twine(I) + ")", writeModule(**M));
  }
  return Error::success();
}

// Textual IR is printable; control characters give away everything else.
static bool looksLikeText(StringRef Input) {
  auto IsText = [](unsigned char C) {
    return isSpace(C) || (C >= ' ' && C != 0x7f);
  };
  return !Input.empty() && all_of(Input.take_front(512), IsText);
}

static Error readText(StringRef Input, StringRef Name,
                      std::vector<InputModule> &Modules) {
  // The parser wants a NUL behind the text. Its messages start with the
  // buffer's name; whoever reports them says which input it was.
  std::unique_ptr<MemoryBuffer> Text =
      MemoryBuffer::getMemBufferCopy(Input, "line");
  LLVMContext Context;
  SMDiagnostic Diagnostic;
  std::unique_ptr<Module> M = parseAssembly(*Text, Diagnostic, Context);
  if (!M) {
    std::string Message;
    raw_string_ostream OS(Message);
    Diagnostic.print(/*ProgName=*/nullptr, OS, /*ShowColors=*/false);
    return stepError("INVALID_INPUT", StringRef(Message).rtrim());
  }
  // The parser takes the file's name where the text names no source.
  if (!Input.contains("source_filename"))
    M->setSourceFileName("");
  addModule(Modules, Name, writeModule(*M));
  return Error::success();
}

static Error readInput(StringRef Input, StringRef Name,
                       std::vector<InputModule> &Modules, bool InArchive);

static Error readArchive(StringRef Input, StringRef Name,
                         std::vector<InputModule> &Modules) {
  Expected<std::unique_ptr<object::Archive>> Archive =
      object::Archive::create(MemoryBufferRef(Input, Name));
  if (!Archive)
    return stepError("INVALID_INPUT", Archive.takeError());
  if ((*Archive)->isThin())
    return stepError("INVALID_INPUT", "thin archives hold no bitcode");

  Error Iteration = Error::success();
  for (const object::Archive::Child &Child : (*Archive)->children(Iteration)) {
    Expected<StringRef> MemberName = Child.getName();
    if (!MemberName)
      return joinErrors(std::move(Iteration),
                        stepError("INVALID_INPUT", MemberName.takeError()));
    Expected<StringRef> Content = Child.getBuffer();
    if (!Content)
      return joinErrors(std::move(Iteration),
                        stepError("INVALID_INPUT", Content.takeError()));
    std::string FullName = (Name + "(" + *MemberName + ")").str();
    if (Error E = readInput(*Content, FullName, Modules, /*InArchive=*/true))
      return joinErrors(std::move(Iteration), std::move(E));
  }
  if (Iteration)
    return stepError("INVALID_INPUT", std::move(Iteration));
  return Error::success();
}

static Error readInput(StringRef Input, StringRef Name,
                       std::vector<InputModule> &Modules, bool InArchive) {
  file_magic Magic = identify_magic(Input);
  if (Magic == file_magic::bitcode)
    return readBitcode(Input, Name, Modules);
  if (Magic == file_magic::archive && !InArchive)
    return readArchive(Input, Name, Modules);
  if (Magic == file_magic::unknown && looksLikeText(Input))
    return readText(Input, Name, Modules);
  Twine Prefix = InArchive ? Name + ": " : Twine();
  return stepError("INVALID_INPUT",
                   Prefix + "neither LLVM bitcode, textual IR nor an archive "
                            "of these");
}

Expected<std::vector<InputModule>> readModules(StringRef Input,
                                               StringRef Name) {
  std::vector<InputModule> Modules;
  if (Error E = readInput(Input, Name, Modules, /*InArchive=*/false))
    return E;
  return Modules;
}

} // namespace finegrain
