// Edits functions as a programmer might, for benchmarks on bitcode whose source
// nobody has: a constant in each becomes another one.

#include "error.h"
#include "module_io.h"
#include "steps.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

using namespace llvm;

namespace finegrain {

// Where any constant is as good as another for the verifier and for LLVM.
static bool takesAnyConstant(const Use &Operand) {
  const auto *User = cast<Instruction>(Operand.getUser());
  if (const auto *Call = dyn_cast<CallInst>(User))
    return !Call->isInlineAsm() && !isa<IntrinsicInst>(Call) &&
           Call->isArgOperand(&Operand) &&
           !Call->paramHasAttr(Call->getArgOperandNo(&Operand),
                               Attribute::ImmArg);
  switch (User->getOpcode()) {
  case Instruction::Add:
  case Instruction::Sub:
  case Instruction::And:
  case Instruction::Or:
  case Instruction::Xor:
  case Instruction::ICmp:
  case Instruction::Store:
  case Instruction::Select:
  case Instruction::Ret:
    return true;
  default:
    return false;
  }
}

static Use *editableConstant(Function &F) {
  for (Instruction &I : instructions(F))
    for (Use &Operand : I.operands())
      if (const auto *Constant = dyn_cast<ConstantInt>(Operand))
        if (Constant->getBitWidth() >= 8 && takesAnyConstant(Operand))
          return &Operand;
  return nullptr;
}

Expected<Edited> editFunctions(StringRef Bitcode, size_t Count, size_t First) {
  LLVMContext Context;
  Diagnostics Errors(Context);
  Expected<std::unique_ptr<Module>> M = parseModule(Bitcode, Context);
  if (!M)
    return M.takeError();
  std::vector<Use *> Editable;
  for (Function &F : **M)
    if (Use *Constant = editableConstant(F))
      Editable.push_back(Constant);
  Edited Result;
  Result.Count = std::min(Count, Editable.size());
  for (size_t I = 0; I != Result.Count; ++I) {
    size_t Spread = I * Editable.size() / Result.Count;
    Use *Constant = Editable[(First + Spread) % Editable.size()];
    const APInt &Before = cast<ConstantInt>(*Constant)->getValue();
    Constant->set(ConstantInt::get(Context, Before + 1));
  }
  Result.Bitcode = writeModule(**M);
  return Result;
}

} // namespace finegrain
